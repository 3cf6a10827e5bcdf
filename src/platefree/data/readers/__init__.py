"""Readers of public data sets, one file each: a folder as it is unpacked -> a `DataSet`."""
