-- The rows of pipelines/batch.yaml: each popular stream as it was seen in one poll, with what the pipeline adds to it.
--
-- Times are UTC with microseconds: DATETIME alone would round them to seconds, and TIMESTAMP ends in 2038. Names compare byte by
-- byte and without padding, so that GROUP BY counts the same games as the pipeline does. The comments that begin with an exclamation
-- mark are for the servers alone: MySQL and MariaDB each read what is theirs, SQLite reads none of them. There is no primary key:
-- the rows have none of their own, and flowctl counts each exactly once by its marker in flowctl_sinks.
CREATE TABLE IF NOT EXISTS twitch_streams_enriched (
    user_name     VARCHAR(255) NOT NULL,
    game_name     VARCHAR(255) NOT NULL,
    viewer_count  BIGINT       NOT NULL,
    started_at    DATETIME(6)  NOT NULL,
    is_popular    BOOLEAN      NOT NULL,
    viewer_bucket VARCHAR(16)  NOT NULL,
    record_time   DATETIME(6)  NOT NULL
    /*! , INDEX (game_name), INDEX (user_name) */
) /*! ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 */ /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */;
