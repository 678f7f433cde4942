// Package config decodes configuration once into typed, validated values: the
// file, then SGATE_GATEWAY_... variables of the environment, then flags. It is
// the only importer of viper, and fills the resource model of package vpc.
//
// A configuration goes through four steps, one file or two each:
//
//  1. yaml.go turns text into a syntax tree and refuses what is no plain YAML.
//  2. shape.go holds that tree against the raw structs of raw.go: unknown keys
//     and wrong kinds. It leaves an index from paths to places in the file.
//  3. settings.go lays the environment and the flags over the file's values
//     with viper, which decodes all into the raw structs.
//  4. build.go and what it calls turn raw values into resources, resolve names
//     to ids and hand over to vpc.New.
//
// Each step reports all the faults that it can find and none that only follow
// from another, every one with its place and with what would be right.
package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
	"github.com/spf13/pflag"
)

// Config is a whole configuration, validated.
type Config struct {
	Path      string        // the file it came from, as the user named it
	Gateway   Gateway       // how the gateway itself runs
	Resources *vpc.Snapshot // never nil
	// Declared is what the file itself states of them, before vpc.New completes
	// it: an interface without security_groups has no GroupIDs, a VPC whose
	// default group is not written has none. It is the caller's as a snapshot's
	// Resources are.
	Declared  vpc.Resources
	Endpoints []Endpoint        // of Resources, see WithResources
	Images    []Image           // NetnsImage, then the file's in its order
	Silences  []finding.Silence // what sgate lint is to be silent about
	Account   Account           // where the resources are said to be
	FlowLogs  []FlowLog         // in the file's order
	// described are the endpoints of the file's instances, be they running or
	// stopped, and hosts: what WithResources chooses from.
	described []Endpoint
}

// Endpoint is a network interface of an instance, or a host, seen as the device
// that it talks through.
type Endpoint struct {
	Name  string
	ID    string // of its vpc.NetworkInterface or vpc.Host
	VPCID string
	Host  bool // a machine outside the VPC
	// Member is the name of the instance or host, under which a lab has its
	// namespace: the endpoints of one instance have one Member, and each a
	// DeviceIndex of its own. A host's is 0, as is that of an instance's
	// primary interface.
	Member      string
	DeviceIndex int
	// Addresses are its own, the primary ones first, IPv4 before IPv6. An
	// instance's have the prefix length of its subnet, a host's are /32 or /128.
	Addresses []netip.Prefix
	// Gateways are the VPC router's addresses in the subnet, one for each
	// family that the endpoint has. A host has none: its default route is on-link.
	Gateways []netip.Addr
	Netns    string // a name as `ip netns` knows it, or an absolute path; "" if none
	PID      int    // a process in whose network namespace the device goes; 0 if none
	Device   string // the device's name, at most 15 bytes
	// Configure says that the gateway sets the device up in its namespace:
	// addresses, link, default routes. It is never true in the gateway's own
	// namespace, whose default route would be lost.
	Configure bool
	Command   []string // of the member, where DeviceIndex is 0: a lab starts it; nil if there is none
	Origin    vpc.Origin
}

// Source says where a configuration comes from.
type Source struct {
	// Path names the file: Load reads it, and errors begin with it.
	Path string
	// Environ is the environment in the form of os.Environ. Only variables
	// that begin with SGATE_GATEWAY_ are looked at. One that is set but empty
	// counts as not set.
	Environ []string
	// Flags holds the flags that AddFlags adds, parsed; it may be nil. Only
	// flags that the user gave have a say.
	Flags *pflag.FlagSet
}

// maxFileSize is far above any real configuration, and small enough to be held
// in memory: whatever is named by mistake must not take the machine down.
const maxFileSize = 16 << 20

// Load reads the file at src.Path and decodes it as Parse does.
func Load(src Source) (*Config, error) {
	if src.Path == "" {
		return nil, errors.New("no configuration file is named")
	}
	file, err := os.Open(src.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	return Parse(data, src)
}

// Parse decodes a configuration from the content of a file. The error joins a
// *vpc.Error for each fault, in the order of the file and those of the
// environment and the flags last. Each reads "file:line:column: subject:
// detail", with the variable's or flag's name where that is the place.
func Parse(data []byte, src Source) (*Config, error) {
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("%s: is larger than %d MiB, which no configuration is", src.Path, maxFileSize>>20)
	}
	faults := &faults{file: src.Path}
	root, ok := parseYAML(data, faults)
	if !ok {
		return nil, faults.err()
	}
	index := newIndex(src.Path)
	tree := checkShape(root, index, faults)
	raw, places, err := decode(tree, src, faults)
	if err != nil {
		return nil, errors.Join(faults.err(), err)
	}
	cfg := &Config{Path: src.Path, Gateway: buildGateway(raw.Gateway, index, places, faults)}
	cfg.Resources, cfg.Declared, cfg.described = build(raw, index, faults)
	cfg.Images = buildImages(raw.Images, index, faults)
	cfg.Silences = buildSilences(raw, index, faults)
	cfg.Account = buildAccount(raw.Account, index, faults)
	cfg.FlowLogs = buildFlowLogs(raw.FlowLogs, cfg.Resources, index, faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return cfg.WithResources(cfg.Resources), nil
}
