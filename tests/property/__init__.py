"""Properties, over what hypothesis makes up."""
