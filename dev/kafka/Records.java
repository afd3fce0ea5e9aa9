// Writes and reads records with Apache Kafka's own clients; started by dev/kafka-records.

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Records {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 2) {
            usage();
        }
        String brokers = arguments[1];
        List<String> topics = List.of(arguments).subList(2, arguments.length);
        switch (arguments[0]) {
            case "create" -> create(brokers, topics);
            case "produce" -> produce(brokers);
            case "dump" -> dump(brokers, topics);
            default -> usage();
        }
    }

    private static void usage() {
        System.err.println("usage: dev/kafka-records create BROKERS TOPIC:PARTITIONS... | produce BROKERS | dump BROKERS TOPIC...");
        System.exit(2);
    }

    /** Makes topics; one that is there already stays as it is. */
    private static void create(String brokers, List<String> topics) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            for (String topic : topics) {
                String[] parts = topic.split(":");
                try {
                    admin.createTopics(Set.of(new NewTopic(parts[0], Integer.parseInt(parts[1]), (short) 1))).all().get();
                } catch (ExecutionException failure) {
                    if (!(failure.getCause() instanceof TopicExistsException)) {
                        throw failure;
                    }
                }
            }
        }
    }

    /**
     * Writes one record for each line of the input: topic, partition, milliseconds since 1970, key and value between tabs, key and
     * value in base64; `-` for a partition that the key decides, for the time of now, for no key and for no value.
     */
    private static void produce(String brokers) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", brokers, "acks", "all", "enable.idempotence", true, "linger.ms", 5);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        var bytes = new ByteArraySerializer();
        long count = 0;
        try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split("\t", -1);
                Integer partition = fields[1].equals("-") ? null : Integer.valueOf(fields[1]);
                Long time = fields[2].equals("-") ? null : Long.valueOf(fields[2]);
                sent.add(producer.send(new ProducerRecord<>(fields[0], partition, time, decode(fields[3]), decode(fields[4]))));
                count++;
                if (sent.size() == 10_000) {
                    awaitAll(sent);
                }
            }
            awaitAll(sent);
        }
        System.err.println(count + " records written");
    }

    private static void awaitAll(List<Future<RecordMetadata>> sent) throws Exception {
        for (Future<RecordMetadata> record : sent) {
            record.get();
        }
        sent.clear();
    }

    /** Prints every committed record of the topics, up to the ends that they have now, as a line of JSON; all bytes in base64. */
    private static void dump(String brokers, List<String> topics) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", brokers, "isolation.level", "read_committed");
        var bytes = new ByteArrayDeserializer();
        var out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII));
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            List<TopicPartition> partitions = topics.stream()
                    .flatMap(topic -> consumer.partitionsFor(topic, PATIENCE).stream())
                    .map(found -> new TopicPartition(found.topic(), found.partition()))
                    .collect(Collectors.toList());
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, PATIENCE);
            long progress = System.nanoTime();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition, PATIENCE) < ends.get(partition))) {
                var records = consumer.poll(Duration.ofMillis(200));
                if (!records.isEmpty()) {
                    progress = System.nanoTime();
                } else if (System.nanoTime() - progress > PATIENCE.toNanos()) {
                    throw new IllegalStateException("no records for " + PATIENCE.toSeconds() + " s, short of the ends " + ends);
                }
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
                        out.write(json(record));
                    }
                }
            }
        }
        out.flush();
    }

    private static String json(ConsumerRecord<byte[], byte[]> record) {
        String headers = Arrays.stream(record.headers().toArray())
                .map(header -> "[\"%s\",%s]".formatted(header.key(), encode(header.value())))
                .collect(Collectors.joining(","));
        return "{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"key\":%s,\"value\":%s,\"headers\":[%s]}\n".formatted(
                record.topic(), record.partition(), record.offset(), record.timestamp(), encode(record.key()),
                encode(record.value()), headers);
    }

    private static byte[] decode(String field) {
        return field.equals("-") ? null : Base64.getDecoder().decode(field);
    }

    private static String encode(byte[] bytes) {
        return bytes == null ? "null" : '"' + Base64.getEncoder().encodeToString(bytes) + '"';
    }
}
