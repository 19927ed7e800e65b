"""The report of a folder of predictions: one page to look at every video, worst first."""
