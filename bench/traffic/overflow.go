package traffic

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// overflow returns how many packets a socket has lost because its buffer was
// full: the last of the kernel's SK_MEMINFO figures.
func overflow(fd int) uint32 {
	var figures [9]uint32 // SK_MEMINFO_VARS
	size := uint32(unsafe.Sizeof(figures))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&figures)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return figures[8]
}
