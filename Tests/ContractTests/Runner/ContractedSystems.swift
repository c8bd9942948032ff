// The systems and services that the files in these tests are about.

let systems = ["monitoring": ["ingestion", "queue", "storage", "query", "alerting"]]
