"""Readers of public data sets, one file each: an unpacked folder -> a `DataSet`."""
