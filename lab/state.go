package lab

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"

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

// MemberInfo is one instance or host of a lab.
type MemberInfo struct {
	Name      string         `json:"name"`
	Host      bool           `json:"host"`
	Addresses []netip.Prefix `json:"addresses"`
	Namespace string         `json:"namespace"`
	Command   []string       `json:"command,omitempty"`
	Log       string         `json:"log,omitempty"` // the command's output
}

func (f *folder) logFile(member string) string {
	return filepath.Join(folderOf(f.name), "logs", member+".log")
}

// save writes what others may know of the lab.
func (f *folder) save(cfg *config.Config) error {
	info := Info{Name: f.name, Running: true, PID: os.Getpid(), Config: cfg.Path}
	for _, e := range cfg.Endpoints {
		m := MemberInfo{Name: e.Name, Host: e.Host, Addresses: e.Addresses, Namespace: e.Netns, Command: e.Command}
		if len(e.Command) > 0 {
			m.Log = f.logFile(e.Name)
		}
		info.Members = append(info.Members, m)
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(folderOf(f.name), "state.json")
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
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
