"""Running topologies: tasks, epochs, replay, push and pull queries."""
