"""Energy that the system reports in files: a processor's counter, a Jetson's power sensor."""
