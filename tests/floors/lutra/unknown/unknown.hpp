// The folder of this file has no floor.
