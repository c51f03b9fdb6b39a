"""What lies where in the state folder; apart from the application, so that the command line need not import it."""

STORE_NAME = "linewarden.db"
CONTROL_NAME = "control.sock"
