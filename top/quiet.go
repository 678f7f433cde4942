package top

import "github.com/sgate/sgate/internal/quiet"

// By now bubbletea has been initialized: see package quiet.
func init() { quiet.Restore() }
