"""The process: start, listening, workers, settings, logs, metrics, health."""
