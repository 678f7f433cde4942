//go:build !sgate_unwatched

package gateway

// canWatch is false only in the build that BenchmarkWatch is compared with, which
// has nothing on the packet path for those who watch.
const canWatch = true
