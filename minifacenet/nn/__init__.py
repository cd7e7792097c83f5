"""The ground floor: layers with a forward and a backward written by hand. It knows no faces."""
