import java.util.HashMap;
import java.util.Map;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/** The job in Flink SQL: SumsJob BROKERS TOPIC ABOVE. Prints the answer as one line of JSON. */
public class SumsJob {
    private static final String[][] SETTINGS = {
        {"parallelism.default", "2"},
        {"pipeline.object-reuse", "true"},
        {"table.exec.mini-batch.enabled", "true"},
        {"table.exec.mini-batch.allow-latency", "2 s"},
        {"table.exec.mini-batch.size", "50000"},
        {"table.optimizer.agg-phase-strategy", "TWO_PHASE"},
        {"taskmanager.memory.managed.size", "64m"},
    };
    private static final String SOURCE = """
        CREATE TABLE streams (user_name STRING, game_name STRING, viewer_count BIGINT) WITH (
            'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'properties.group.id' = 'bench-flink',
            'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json')""";
    private static final String VIEW = """
        CREATE VIEW bucketed AS SELECT user_name, game_name, viewer_count,
            CASE WHEN viewer_count > 25000 THEN 'High' WHEN viewer_count > 15000 THEN 'Medium' ELSE 'Low' END AS bucket
        FROM streams WHERE viewer_count > %s""";
    // One query, so that the planner reads the topic once for all three.
    private static final String QUERY = """
        SELECT 'top_games' AS kind, name, total, n FROM (
            SELECT *, ROW_NUMBER() OVER (ORDER BY total DESC, name) AS place FROM (
                SELECT game_name AS name, SUM(viewer_count) AS total, COUNT(*) AS n FROM bucketed GROUP BY game_name)) WHERE place <= 5
        UNION ALL
        SELECT 'buckets', bucket, CAST(0 AS BIGINT), COUNT(*) FROM bucketed GROUP BY bucket
        UNION ALL
        SELECT 'top_streamers', name, total, n FROM (
            SELECT *, ROW_NUMBER() OVER (ORDER BY total DESC, name) AS place FROM (
                SELECT user_name AS name, SUM(viewer_count) AS total, COUNT(*) AS n FROM bucketed GROUP BY user_name)) WHERE place <= 5""";

    public static void main(String[] arguments) throws Exception {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        for (String[] setting : SETTINGS) {
            tables.getConfig().set(setting[0], setting[1]);
        }
        tables.executeSql(SOURCE.formatted(arguments[1], arguments[0]));
        tables.executeSql(VIEW.formatted(arguments[2]));
        if (arguments.length > 3) {
            System.out.println(tables.explainSql(QUERY));
            return;
        }
        Map<String, Integer> rows = new HashMap<>();
        try (CloseableIterator<Row> changes = tables.executeSql(QUERY).collect()) {
            while (changes.hasNext()) {
                Row row = changes.next();
                boolean added = row.getKind() == RowKind.INSERT || row.getKind() == RowKind.UPDATE_AFTER;
                rows.merge(shown(row), added ? 1 : -1, Integer::sum);
            }
        }
        print(rows);
        System.exit(0);
    }

    /** The result that a row belongs to, and the row as JSON. */
    private static String shown(Row row) {
        String result = (String) row.getField(0);
        long total = (Long) row.getField(2);
        long n = (Long) row.getField(3);
        String name = "\"" + ((String) row.getField(1)).replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
        return result + "\t" + switch (result) {
            case "buckets" -> "[" + name + "," + n + "]";
            case "top_games" -> "[" + name + "," + total + "," + n + "," + (double) total / n + "]";
            default -> "[" + name + "," + total + "," + n + "]";
        };
    }

    private static void print(Map<String, Integer> rows) {
        Map<String, StringBuilder> results = new HashMap<>();
        rows.forEach((row, count) -> {
            String[] parts = row.split("\t", 2);
            for (int i = 0; i < count; i++) {
                StringBuilder list = results.computeIfAbsent(parts[0], name -> new StringBuilder());
                list.append(list.isEmpty() ? "" : ",").append(parts[1]);
            }
        });
        StringBuilder answer = new StringBuilder();
        results.forEach((name, list) -> answer.append(answer.isEmpty() ? "{" : ",").append("\"" + name + "\":[" + list + "]"));
        System.out.println(answer + "}");
    }
}
