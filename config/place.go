package config

import (
	"path/filepath"
	"strings"
	"unicode"

	"github.com/sgate/sgate/vpc"
)

// DefaultDevice is the name of an endpoint's device in a network namespace of
// its own, as an instance's first interface is called.
const DefaultDevice = "eth0"

// maxDeviceName is the longest name of a Linux network device, in bytes.
const maxDeviceName = 15

// deviceKey is what two devices cannot share.
type deviceKey struct {
	netns string
	pid   int
	name  string
}

// place reads where an endpoint's device goes and what runs behind it.
func (b *builder) place(it item, raw rawPlace, name string) Endpoint {
	e := Endpoint{Name: name, Member: name, Origin: it.origin(), Command: it.command(raw.Command)}
	if it.ok("netns") {
		e.Netns = raw.Netns
		it.checkNetns(raw.Netns)
	}
	if it.ok("pid") {
		if e.PID = raw.PID; raw.PID < 1 {
			it.misplaced("pid", "%d: want a process id, 1 or above", raw.PID)
		}
	}
	if it.given("netns") && it.given("pid") {
		it.misplaced("pid", "does not go with netns: one says where the device goes, leave the other out")
	}
	elsewhere := it.given("netns") || it.given("pid")
	e.Device = e.UsualDevice()
	if it.ok("device") {
		e.Device = raw.Device
		if !validDevice(raw.Device) {
			it.fault("device", raw.Device, "want 1 to %d bytes without '/', ':', '%%' and spaces", maxDeviceName)
		}
	}
	e.Configure = elsewhere && (raw.Configure == nil || *raw.Configure)
	if !elsewhere && raw.Configure != nil && *raw.Configure {
		it.misplaced("configure", "needs netns or pid: in the gateway's own namespace it would replace the machine's own default route")
	}
	if name != "" {
		b.reserveDevice(it, e)
	}
	return e
}

// UsualDevice returns the name of an endpoint's device for which the file says
// none: it depends on whether the device goes into a namespace of its own.
func (e Endpoint) UsualDevice() string {
	if e.Netns != "" || e.PID != 0 {
		return DefaultDevice
	}
	return ownDevice(e.Name)
}

func (it item) command(words words) []string {
	var out []string
	for i, word := range words {
		if strings.ContainsRune(word, 0) || i == 0 && word == "" {
			it.fault("command", word, "want a program and its arguments, without NUL characters")
			return nil
		}
		out = append(out, word)
	}
	return out
}

// checkNetns wants what `ip netns` takes as a name, or an absolute path.
func (it item) checkNetns(netns string) {
	bad := netns == "" || netns == "." || netns == ".." || len(netns) > 255 ||
		strings.Contains(netns, "/") || strings.ContainsFunc(netns, unicode.IsControl)
	if filepath.IsAbs(netns) {
		bad = strings.ContainsRune(netns, 0)
	}
	if bad {
		it.fault("netns", netns, "want a name as `ip netns` shows it, or an absolute path")
	}
}

// ownDevice returns the name of an endpoint's device in the gateway's own
// namespace, where each needs another: sg-NAME, or, of a name that is too long
// for the kernel, its start and a few digits that are its own.
func ownDevice(name string) string {
	const prefix, digits = "sg-", 5
	if len(prefix)+len(name) <= maxDeviceName {
		return prefix + name
	}
	id := vpc.NewID("dev", name)
	return prefix + name[:maxDeviceName-len(prefix)-1-digits] + "-" + id[len(id)-digits:]
}

// validDevice is the kernel's dev_valid_name, and no '%', which it would take
// for a place to put a number.
func validDevice(name string) bool {
	return name != "" && len(name) <= maxDeviceName && name != "." && name != ".." &&
		!strings.ContainsAny(name, "/:%\x00") && !strings.ContainsFunc(name, unicode.IsSpace)
}

func (b *builder) reserveDevice(it item, e Endpoint) {
	key := deviceKey{e.Netns, e.PID, e.Device}
	other, taken := b.devices[key]
	switch {
	case !taken:
		b.devices[key] = it.subject()
	case it.given("device"):
		it.fault("device", e.Device, "is the device of %s in the same namespace: want another name", other)
	default:
		it.missing("device", "the default, %s, is the device of %s in the same namespace", quote(e.Device), other)
	}
}
