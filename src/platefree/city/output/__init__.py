"""The files of a city: pictures, tables, labels, and the layouts of public data sets."""
