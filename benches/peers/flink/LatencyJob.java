import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Records per game in Flink SQL, from topic to topic, until it is ended: LatencyJob BROKERS IN OUT. */
public class LatencyJob {
    public static void main(String[] arguments) throws Exception {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.getConfig().set("parallelism.default", "2");
        tables.getConfig().set("pipeline.object-reuse", "true");
        tables.getConfig().set("execution.buffer-timeout.interval", "1 ms");
        tables.getConfig().set("taskmanager.memory.managed.size", "64m");
        tables.executeSql("""
            CREATE TABLE streams (user_name STRING, game_name STRING, viewer_count BIGINT, sent BIGINT) WITH (
                'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'properties.group.id' = 'bench-flink',
                'properties.fetch.max.wait.ms' = '10', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json')"""
            .formatted(arguments[1], arguments[0]));
        tables.executeSql("""
            CREATE TABLE games (game_name STRING, n BIGINT, newest BIGINT, PRIMARY KEY (game_name) NOT ENFORCED) WITH (
                'connector' = 'upsert-kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'properties.linger.ms' = '1',
                'key.format' = 'json', 'value.format' = 'json')"""
            .formatted(arguments[2], arguments[0]));
        tables.executeSql("INSERT INTO games SELECT game_name, COUNT(*), MAX(sent) FROM streams GROUP BY game_name").await();
    }
}
