"""The job in Spark, as a batch over a topic: sums_job.py BROKERS TOPIC ABOVE, under spark-submit. Prints the answer as one line of JSON."""

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main():
    brokers, topic, above = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    records = (
        spark.read.format("kafka").option("kafka.bootstrap.servers", brokers).option("subscribe", topic)
        .option("startingOffsets", "earliest").option("endingOffsets", "latest").load()
    )
    schema = "user_name STRING, game_name STRING, viewer_count BIGINT"
    rows = records.select(f.from_json(f.col("value").cast("string"), schema).alias("row")).select("row.*")
    viewers = f.col("viewer_count")
    rows = rows.filter(viewers > int(above)).cache()
    bucket = f.when(viewers > 25000, "High").when(viewers > 15000, "Medium").otherwise("Low")
    total = f.sum(viewers).alias("total")
    results = {
        "top_games": rows.groupBy("game_name").agg(total, f.count("*"), f.avg(viewers)).orderBy(f.desc("total"), "game_name").limit(5),
        "buckets": rows.groupBy(bucket).agg(f.count("*")),
        "top_streamers": rows.groupBy("user_name").agg(total, f.count("*")).orderBy(f.desc("total"), "user_name").limit(5),
    }
    print(json.dumps({name: [tuple(row) for row in result.collect()] for name, result in results.items()}))


main()
