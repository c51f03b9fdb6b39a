"""One MQTT connection, driven by the thread that owns it; shared by the mqtt tap and the mqtt sink."""
