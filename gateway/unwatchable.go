//go:build sgate_unwatched

package gateway

const canWatch = false
