// Package operations is all that people and programs can ask of mksync. Each operation
// is a method of API with a request and an answer that have one form in JSON;
// Endpoints lists them. The command line, NATS and HTTP are ways to them and add
// nothing. Large requests are jobs: stored, worked on one after the other, and taken up
// again by another process when theirs ends.
package operations
