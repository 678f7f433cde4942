package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sgate/sgate/config"
)

// Info is what can be known of a lab from outside its process.
type Info struct {
	Name    string       `json:"name"`
	Running bool         `json:"running"` // false: it crashed, Down clears it away
	PID     int          `json:"pid"`     // of its process, 0 if it crashed
	Config  string       `json:"config"`  // the file it was made from
	Members []MemberInfo `json:"members"`
}

// MemberInfo is one running instance or one host of a lab.
type MemberInfo struct {
	Name       string          `json:"name"`
	Host       bool            `json:"host"`
	InstanceID string          `json:"instance_id,omitempty"` // a host has none
	ImageID    string          `json:"image_id,omitempty"`
	Interfaces []InterfaceInfo `json:"interfaces"` // by device index
	Namespace  string          `json:"namespace"`
	Command    []string        `json:"command,omitempty"`
	Log        string          `json:"log,omitempty"` // the command's output
}

// InterfaceInfo is one device of a member.
type InterfaceInfo struct {
	ID        string         `json:"id"` // of the network interface, or of the host
	Device    string         `json:"device"`
	Addresses []netip.Prefix `json:"addresses"`
}

// Addresses returns those of all the member's devices, the primary one's first.
func (m MemberInfo) Addresses() (addrs []netip.Addr) {
	for _, nic := range m.Interfaces {
		for _, prefix := range nic.Addresses {
			addrs = append(addrs, prefix.Addr())
		}
	}
	return addrs
}

// is reports whether two members are the same, and all that is known of them.
func (m MemberInfo) is(other MemberInfo) bool {
	return m.Name == other.Name && m.Host == other.Host && m.InstanceID == other.InstanceID && m.ImageID == other.ImageID &&
		m.Namespace == other.Namespace && m.Log == other.Log && slices.Equal(m.Command, other.Command) &&
		slices.EqualFunc(m.Interfaces, other.Interfaces, InterfaceInfo.is)
}

func (n InterfaceInfo) is(other InterfaceInfo) bool {
	return n.ID == other.ID && n.Device == other.Device && slices.Equal(n.Addresses, other.Addresses)
}

// Member returns the member that ref names: by its name, the id of its instance,
// of one of its network interfaces or of the host, or one of its addresses.
func (i Info) Member(ref string) (MemberInfo, error) {
	var names []string
	var found []MemberInfo
	addr, _ := netip.ParseAddr(ref)
	for _, m := range i.Members {
		if m.Name == ref {
			return m, nil
		}
		names = append(names, m.Name)
		hasID := func(nic InterfaceInfo) bool { return nic.ID == ref }
		if ref != "" && m.InstanceID == ref || slices.ContainsFunc(m.Interfaces, hasID) || slices.Contains(m.Addresses(), addr) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return MemberInfo{}, fmt.Errorf("lab %q has no instance or host %q; it has: %s", i.Name, ref, strings.Join(names, ", "))
	case 1:
		return found[0], nil
	}
	names = nil
	for _, m := range found {
		names = append(names, m.Name)
	}
	return MemberInfo{}, fmt.Errorf("lab %q: several have %s, want one by its name: %s", i.Name, ref, strings.Join(names, ", "))
}

func (f *folder) logFile(member string) string {
	return filepath.Join(folderOf(f.name), "logs", member+".log")
}

// save writes what others may know of the lab, unless that is there already.
func (f *folder) save(cfg *config.Config) error {
	info := Info{Name: f.name, Running: true, PID: os.Getpid(), Config: cfg.Path, Members: f.members(cfg)}
	if f.saved != nil && f.saved.Config == info.Config && slices.EqualFunc(f.saved.Members, info.Members, MemberInfo.is) {
		return nil
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	f.saved = nil // not known, if it fails
	path := filepath.Join(folderOf(f.name), "state.json")
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	f.saved = &info
	return nil
}

// members describes the members that a configuration has, in its order.
func (f *folder) members(cfg *config.Config) []MemberInfo {
	members := make([]MemberInfo, 0, len(cfg.Endpoints))
	at := make(map[string]int, len(cfg.Endpoints)) // by name
	for _, e := range cfg.Endpoints {
		i, is := at[e.Member]
		if !is {
			i = len(members)
			at[e.Member] = i
			members = append(members, f.member(cfg, e))
		}
		m := &members[i]
		m.Interfaces = append(m.Interfaces, InterfaceInfo{e.ID, e.Device, e.Addresses})
	}
	return members
}

// member describes a member by its first endpoint.
func (f *folder) member(cfg *config.Config, e config.Endpoint) MemberInfo {
	m := MemberInfo{Name: e.Member, Host: e.Host, Namespace: e.Netns, Command: e.Command}
	if len(e.Command) > 0 {
		m.Log = f.logFile(e.Member)
	}
	nic, _ := cfg.Resources.Interface(e.ID)
	if in, is := cfg.Resources.Instance(nic.Attachment.InstanceID); is {
		m.InstanceID, m.ImageID = in.ID, in.ImageID
	}
	return m
}

// load returns what is known of a lab. What cannot be read, as after a crash in
// the first moments, is left out.
func load(name string) Info {
	info := Info{}
	data, err := os.ReadFile(filepath.Join(folderOf(name), "state.json"))
	if err != nil || json.Unmarshal(data, &info) != nil {
		info = Info{}
	}
	info.Name = name
	info.PID, info.Running = probe(name)
	return info
}
