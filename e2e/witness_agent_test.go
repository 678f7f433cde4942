package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// agentVariable makes this test binary an agent: a process in a machine's
// namespace that listens and sends probes, as it is told on its standard input.
const agentVariable = "SGATE_WITNESS_AGENT"

// TestMain runs the tests, or an agent where one of them has started one.
func TestMain(m *testing.M) {
	if os.Getenv(agentVariable) == "" {
		os.Exit(m.Run())
	}
	if err := runAgent(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// order is what an agent is told: to listen where probes are to find somebody,
// and to send probes.
type order struct {
	Listen  []probe
	Send    []probe
	Silence time.Duration // after which a probe counts as timed out
}

// report is an agent's answer to an order: a verdict for each probe sent.
type report struct{ Verdicts []verdict }

// verdict is what the sender of a probe sees, or what went wrong.
type verdict string

// The verdicts.
const (
	replied  verdict = "reply"
	refused  verdict = "refused"
	timedOut verdict = "timeout"
)

// atOnce is how many probes an agent has under way.
const atOnce = 128

func runAgent(in io.Reader, out io.Writer) error {
	if err := unthrottle(); err != nil {
		return err
	}
	orders, reports := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, p := range o.Listen {
			if err := p.listen(); err != nil {
				return fmt.Errorf("listen for %v: %w", p, err)
			}
		}
		if err := reports.Encode(report{sendAll(o.Send, o.Silence)}); err != nil {
			return err
		}
	}
}

// unthrottle lets this namespace send as many ICMP errors as it owes.
func unthrottle() error {
	return errors.Join(
		os.WriteFile("/proc/sys/net/ipv4/icmp_ratemask", []byte("0\n"), 0),
		os.WriteFile("/proc/sys/net/ipv6/icmp/ratemask", []byte("\n"), 0),
	)
}

func sendAll(probes []probe, silence time.Duration) []verdict {
	verdicts := make([]verdict, len(probes))
	free := make(chan struct{}, atOnce)
	var sending sync.WaitGroup
	for i, p := range probes {
		free <- struct{}{}
		sending.Go(func() {
			verdicts[i] = verdictOf(p.send(silence))
			<-free
		})
	}
	sending.Wait()
	return verdicts
}

// verdictOf reads the outcome of a probe. Somebody who refuses a protocol
// without ports says so as ENOPROTOOPT, by IPv6 as EPROTO.
func verdictOf(err error) verdict {
	var network net.Error
	switch {
	case err == nil:
		return replied
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOPROTOOPT), errors.Is(err, syscall.EPROTO):
		return refused
	case errors.As(err, &network) && network.Timeout():
		return timedOut
	}
	return verdict(err.Error())
}

// A question starts with one mark and its answer, the same otherwise, with the
// other, so that nobody answers an answer.
const (
	questionMark = '?'
	answerMark   = '!'
)

// send sends the probe and waits for an answer.
func (p probe) send(silence time.Duration) error {
	question := fmt.Appendf(nil, "%c%016x", questionMark, rand.Uint64())
	answer := append([]byte{answerMark}, question[1:]...)
	if p.Protocol == icmp4 || p.Protocol == icmp6 {
		question, answer = p.icmp()
	}
	deadline := time.Now().Add(silence)
	d := net.Dialer{LocalAddr: p.at(p.Src, 0), Deadline: deadline}
	conn, err := d.Dial(p.dials(), p.remote())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(question); err != nil {
		return err
	}
	return await(conn, answer)
}

// await reads until the answer comes: a socket for ICMP also gets what others
// have asked for.
func await(conn net.Conn, answer []byte) error {
	got := make([]byte, 1500)
	for {
		read := conn.Read
		if raw, is := conn.(*net.IPConn); is {
			read = func(b []byte) (int, error) { // Read would leave the IPv4 header in
				n, _, err := raw.ReadFrom(b)
				return n, err
			}
		}
		n, err := read(got)
		if err != nil {
			return err
		}
		if sameMessage(got[:n], answer) {
			return nil
		}
	}
}

// sameMessage compares what came with an answer, of which an ICMP header's
// checksum and what follows the answer are not known.
func sameMessage(got, answer []byte) bool {
	if len(got) < len(answer) {
		return false
	}
	if answer[0] != answerMark {
		got = append([]byte{got[0], got[1], 0, 0}, got[4:]...)
	}
	return bytes.HasPrefix(got, answer)
}

// icmp returns an ICMP question with an id of its own, and how its answer
// starts.
func (p probe) icmp() (question, answer []byte) {
	id := rand.Uint32()
	question = []byte{byte(p.Type), byte(p.Code), 0, 0, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
	answer = bytes.Clone(question)
	answer[0] = map[int]byte{8: 0, 13: 14, 128: 129}[p.Type]
	question = append(question, make([]byte, 12)...) // as a timestamp has
	if p.Protocol == icmp4 {                         // the kernel sums ICMPv6 itself
		sum := checksum(question)
		question[2], question[3] = byte(sum>>8), byte(sum)
	}
	return question, answer
}

// checksum is the internet checksum of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum)
}

// dials is the probe's network in the words of package net.
func (p probe) dials() string {
	switch p.Protocol {
	case tcp:
		return "tcp"
	case udp:
		return "udp"
	}
	return fmt.Sprintf("ip:%d", p.Protocol)
}

// at is an address of the probe's network.
func (p probe) at(addr netip.Addr, port int) net.Addr {
	switch p.Protocol {
	case tcp:
		return &net.TCPAddr{IP: addr.AsSlice(), Port: port}
	case udp:
		return &net.UDPAddr{IP: addr.AsSlice(), Port: port}
	}
	return &net.IPAddr{IP: addr.AsSlice()}
}

func (p probe) remote() string { return p.at(p.Dst, p.Port).String() }

// listen answers the probe's question, and others like it, for as long as the
// process lives.
func (p probe) listen() error {
	if p.Protocol != tcp {
		conn, err := net.ListenPacket(p.dials(), p.remote())
		if err == nil {
			go answerPackets(conn)
		}
		return err
	}
	l, err := net.Listen("tcp", p.remote())
	if err != nil {
		return err
	}
	go func() {
		for {
			if conn, err := l.Accept(); err == nil {
				go answerStream(conn)
			}
		}
	}()
	return nil
}

func answerPackets(conn net.PacketConn) {
	b := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(b)
		if err == nil && n > 0 && b[0] == questionMark {
			b[0] = answerMark
			_, _ = conn.WriteTo(b[:n], from)
		}
	}
}

func answerStream(conn net.Conn) {
	defer conn.Close()
	b := make([]byte, 1500)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return
		}
		if b[0] == questionMark {
			b[0] = answerMark
		}
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
	}
}
