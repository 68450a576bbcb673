package bench;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The benchmark's jobs on Kafka Streams, each as its users would write it: data classes bound by
 * Jackson, the library's own defaults. Arguments come as name=value.
 */
public final class Jobs {
  private static final Duration WINDOW = Duration.ofMinutes(1);
  private static final Duration GAP = Duration.ofMillis(500);
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Duration NEAR = Duration.ofMillis(100);
  private static final Duration GRACE = Duration.ofHours(24).minus(WINDOW);

  @JsonIgnoreProperties(ignoreUnknown = true)
  static final class Order {
    public long id;
    public String page;
    public Double amount;
    public Integer quantity;
    public String region;
  }

  static final class Line {
    public long id;
    public String page;
    public double total;
  }

  static final class Sales {
    public long orders;
    public int quantity;
  }

  @JsonIgnoreProperties(ignoreUnknown = true)
  static final class User {
    public String city;
    public Integer level;
  }

  static final class Paired {
    public long id;
    public long other;
    public double amount;
  }

  static final class Sold {
    public long id;
    public double amount;
    public String city;
  }

  public static void main(String[] words) throws Exception {
    Properties given = new Properties();
    for (String word : words) {
      String[] pair = word.split("=", 2);
      given.put(pair[0], pair[1]);
    }
    StreamsBuilder builder = new StreamsBuilder();
    build(builder, given);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings(given));
    streams.setUncaughtExceptionHandler(
        failure -> {
          failure.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
    Thread.currentThread().join();
  }

  private static Properties settings(Properties given) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.getProperty("id"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.getProperty("bootstrap"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given.getProperty("guarantee"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.getProperty("threads"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, given.getProperty("state"));
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.getProperty("commit.interval.ms"));
    settings.put(
        StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    return settings;
  }

  private static void build(StreamsBuilder builder, Properties given) {
    Serde<String> text = Serdes.String();
    String sink = given.getProperty("sink");
    if (given.getProperty("job").equals("table_join")) {
      builder
          .table(
              given.getProperty("orders"),
              Consumed.with(text, json(Order.class)),
              Materialized.as("orders"))
          .join(
              builder.table(
                  given.getProperty("users"),
                  Consumed.with(text, json(User.class)),
                  Materialized.as("users")),
              Jobs::sold)
          .toStream()
          .to(sink, Produced.with(text, json(Sold.class)));
      return;
    }
    KStream<String, Order> orders =
        builder.stream(given.getProperty("orders"), Consumed.with(text, json(Order.class)));
    switch (given.getProperty("job")) {
      case "filter" ->
          orders
              .filter((key, order) -> order.quantity != null && order.quantity > 5)
              .mapValues(Jobs::line)
              .to(sink, Produced.with(text, json(Line.class)));
      case "tumbling" ->
          orders
              .groupByKey(Grouped.with(text, json(Order.class)))
              .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
              .aggregate(
                  Sales::new,
                  Jobs::add,
                  Materialized.<String, Sales, WindowStore<Bytes, byte[]>>as("sales")
                      .withKeySerde(text)
                      .withValueSerde(json(Sales.class)))
              .toStream()
              .to(
                  sink,
                  Produced.with(
                      WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()),
                      json(Sales.class)));
      case "sessions" ->
          orders
              .groupByKey(Grouped.with(text, json(Order.class)))
              .windowedBy(
                  SessionWindows.ofInactivityGapAndGrace(GAP, Duration.ofHours(24).minus(GAP)))
              .aggregate(
                  Sales::new,
                  Jobs::add,
                  Jobs::merge,
                  Materialized.<String, Sales, SessionStore<Bytes, byte[]>>as("sales")
                      .withKeySerde(text)
                      .withValueSerde(json(Sales.class)))
              .toStream()
              .to(
                  sink,
                  Produced.with(
                      WindowedSerdes.sessionWindowedSerdeFrom(String.class), json(Sales.class)));
      case "hopping" ->
          orders
              .groupByKey(Grouped.with(text, json(Order.class)))
              .windowedBy(
                  TimeWindows.ofSizeAndGrace(LONG, Duration.ofHours(24).minus(LONG))
                      .advanceBy(WINDOW))
              .aggregate(
                  Sales::new,
                  Jobs::add,
                  Materialized.<String, Sales, WindowStore<Bytes, byte[]>>as("sales")
                      .withKeySerde(text)
                      .withValueSerde(json(Sales.class)))
              .toStream()
              .to(
                  sink,
                  Produced.with(
                      WindowedSerdes.timeWindowedSerdeFrom(String.class, LONG.toMillis()),
                      json(Sales.class)));
      case "stream_join" ->
          orders
              .join(
                  orders,
                  Jobs::paired,
                  JoinWindows.ofTimeDifferenceAndGrace(NEAR, Duration.ofSeconds(1)),
                  StreamJoined.with(text, json(Order.class), json(Order.class)).withStoreName("both"))
              .to(sink, Produced.with(text, json(Paired.class)));
      case "count_keys" ->
          orders
              .groupByKey(Grouped.with(text, json(Order.class)))
              .aggregate(
                  Sales::new,
                  Jobs::add,
                  Materialized.<String, Sales, KeyValueStore<Bytes, byte[]>>as("sales")
                      .withKeySerde(text)
                      .withValueSerde(json(Sales.class)))
              .toStream()
              .to(sink, Produced.with(text, json(Sales.class)));
      case "join" ->
          orders
              .join(
                  builder.table(
                      given.getProperty("users"), Consumed.with(text, json(User.class))),
                  Jobs::sold)
              .to(sink, Produced.with(text, json(Sold.class)));
      default -> throw new IllegalArgumentException("no such job");
    }
  }

  private static Line line(Order order) {
    Line line = new Line();
    line.id = order.id;
    line.page = order.page;
    line.total = order.amount * order.quantity;
    return line;
  }

  private static Sales add(String key, Order order, Sales sales) {
    sales.orders += 1;
    sales.quantity += order.quantity == null ? 0 : order.quantity;
    return sales;
  }

  private static Sales merge(String key, Sales one, Sales other) {
    Sales sales = new Sales();
    sales.orders = one.orders + other.orders;
    sales.quantity = one.quantity + other.quantity;
    return sales;
  }

  private static Paired paired(Order one, Order other) {
    Paired paired = new Paired();
    paired.id = one.id;
    paired.other = other.id;
    paired.amount = one.amount + other.amount;
    return paired;
  }

  private static Sold sold(Order order, User user) {
    Sold sold = new Sold();
    sold.id = order.id;
    sold.amount = order.amount;
    sold.city = user.city;
    return sold;
  }

  private static <T> Serde<T> json(Class<T> type) {
    ObjectMapper mapper =
        new ObjectMapper()
            .setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY);
    var reader = mapper.readerFor(type);
    var writer = mapper.writerFor(type);
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : writer.writeValueAsBytes(value);
          } catch (IOException failure) {
            throw new SerializationException(failure);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : reader.<T>readValue(bytes);
          } catch (IOException failure) {
            throw new SerializationException(failure);
          }
        });
  }
}
