"""What the benchmarks share: input, load generators, the servers under test and how their cost is read."""
