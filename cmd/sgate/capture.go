package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/capture"
	"github.com/sgate/sgate/capture/savefile"
	"github.com/sgate/sgate/control"
)

// captureFlags are those of sgate capture.
type captureFlags struct {
	at       target
	request  control.CaptureRequest
	write    string
	print    bool
	fileSize int64 // MB
	files    int
	bufferKB int
	duration time.Duration
}

func newCapture() *cobra.Command {
	var f captureFlags
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Capture packets and the verdict on each, for Wireshark and tshark",
		Long: `Capture writes packets as pcapng, those that were dropped included, each with what
became of it, why, and by which rules, as its comment:

  sgate: DROP no_ingress_rule, to db; egress: allowed by sgr-... (web);
    ingress: no rule of db admits tcp 3306 from 10.0.1.10 |
    verdict=drop fate=dropped reason=no_ingress_rule from=web to=db ...

What is behind the bar is for programs. Wireshark shows the comment above the
packet's headers; in tshark it is the field frame.comment, and the verdict is
frame.verdict.ebpf_tc: 0 for forwarded, 2 for dropped, 4 for what the VPC router
takes. The reasons are those of "sgate counters".

Every instance and host is an interface of the file, and a packet is there once:
on the sender's, as the gateway received it (inbound), whatever became of it. So
what was dropped on its way to db is on the interface of whoever sent it; with
--instance db it is captured all the same. tcpdump in a namespace would see a
forwarded packet a second time, where it arrives; --both-ends writes it there,
too (outbound). A packet's bytes are those from the IP header on. Super-packets,
which the kernel hands over before it cuts them to the MTU, are captured whole,
and perhaps before their checksum is made. Answers of the VPC router itself, such
as ICMP errors, are not captured.

The flags -i, -w, -s, -c, -C, -W, -B and --print are tcpdump's. Without -w, pcapng
goes to standard output, if that is no terminal.

Packets do not wait for a capture. If it is written or read too slowly, some are
missing from it; how many, the end of the capture says, and so does the file.
Ctrl-C, --duration, -c and the end of the gateway end it.`,
		Example: `  sudo sgate capture -w - | tshark -r - -T fields -e frame.interface_name -e frame.comment
  sudo sgate capture --print --verdict drop
  sudo sgate capture -i db --port 3306 -w db.pcapng --duration 1m
  sudo sgate capture --lab three-tier -w ring.pcapng -C 100 -W 10 -s 128`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlags(cmd.Flags()); err != nil {
				return err
			}
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.run(cmd)
		},
	}
	f.at.addFlags(cmd)
	f.addFlags(cmd)
	return cmd
}

func (f *captureFlags) addFlags(cmd *cobra.Command) {
	flags, r := cmd.Flags(), &f.request
	flags.StringVarP(&f.write, "write", "w", "", "the `FILE` to write, or - for standard output")
	flags.BoolVar(&f.print, "print", false, "print packets as lines of text; with -w, too, as well as writing them")
	flags.StringArrayVarP(&r.Instances, "instance", "i", nil, "the `instance` or host that sent the packet, or that it is for; may be given again")
	flags.StringVar(&r.From, "from", "", "the sender: an address, a CIDR, or an instance or host")
	flags.StringVar(&r.To, "to", "", "whom it is for, likewise")
	flags.StringVar(&r.Protocol, "protocol", "", "tcp, udp, icmp, icmpv6 or a number")
	flags.Uint16Var(&r.Port, "port", 0, "either end's port, of TCP and UDP")
	flags.StringVar(&r.VPC, "vpc", "", "the VPC, by name or id")
	flags.StringVar(&r.Verdict, "verdict", "", "allow or drop")
	flags.StringSliceVar(&r.Reasons, "reason", nil, "the `reason`, such as no_ingress_rule; may be given again")
	flags.BoolVar(&r.BothEnds, "both-ends", false, "write what was forwarded twice: also where it left")
	flags.IntVarP(&r.Snaplen, "snaplen", "s", capture.DefaultSnaplen, "how many `bytes` to keep of each packet, 0 for all")
	flags.Uint64VarP(&r.Count, "count", "c", 0, "end after so many `packets`")
	flags.DurationVar(&f.duration, "duration", 0, "end after that time, such as 30s")
	flags.Int64VarP(&f.fileSize, "file-size", "C", 0, "go on in another file when one has more than so many million bytes (`MB`): FILE, FILE1, FILE2 and so on")
	flags.IntVarP(&f.files, "file-count", "W", 0, "with -C: keep so many `files`, then write the oldest anew: FILE0, FILE1 and so on")
	flags.IntVarP(&f.bufferKB, "buffer-size", "B", capture.DefaultBuffer>>10, "how many `KiB` of packets may wait in the gateway to be read")
}

// check refuses flags that make no sense together.
func (f *captureFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case changed("port") && f.request.Port == 0:
		return errors.New("--port 0: want a port from 1 to 65535")
	case changed("count") && f.request.Count == 0:
		return errors.New("--count 0: want 1 or more")
	case changed("duration") && f.duration <= 0:
		return fmt.Errorf("--duration %v: want more than 0", f.duration)
	case f.request.Snaplen < 0:
		return fmt.Errorf("--snaplen %d: want 0 for all, or more", f.request.Snaplen)
	case f.bufferKB < capture.MinBuffer>>10 || f.bufferKB > capture.MaxBuffer>>10:
		return fmt.Errorf("--buffer-size %d: want from %d to %d", f.bufferKB, capture.MinBuffer>>10, capture.MaxBuffer>>10)
	case changed("file-size") && f.fileSize <= 0:
		return fmt.Errorf("--file-size %d: want 1 or more", f.fileSize)
	case changed("file-size") && (f.write == "" || f.write == "-"):
		return errors.New("--file-size: want a file by --write FILE, too")
	case changed("file-count") && f.files <= 0:
		return fmt.Errorf("--file-count %d: want 1 or more", f.files)
	case changed("file-count") && !changed("file-size"):
		return errors.New("--file-count: want --file-size, too")
	case f.print && f.write == "-":
		return errors.New("--print and --write -: standard output cannot take both text and pcapng: write to a file")
	case f.toStdout() && isTerminal(cmd.OutOrStdout()):
		return errors.New("pcapng is nothing for a terminal: print text by --print, write a file by -w FILE, or pipe it: sgate capture -w - | tshark -r -")
	}
	return nil
}

// toStdout reports whether pcapng goes to standard output.
func (f *captureFlags) toStdout() bool { return f.write == "-" || f.write == "" && !f.print }

// captureEnd is how long the rest of a capture may take after it was told to
// end.
const captureEnd = 5 * time.Second

// run captures until there is a reason to end.
func (f *captureFlags) run(cmd *cobra.Command) error {
	client, err := f.at.client()
	if err != nil {
		return err
	}
	if f.request.Snaplen == 0 {
		f.request.Snaplen = capture.DefaultSnaplen
	}
	f.request.Buffer = f.bufferKB << 10
	ctx, cancel := context.WithCancel(context.WithoutCancel(cmd.Context()))
	defer cancel()
	accepted := context.AfterFunc(cmd.Context(), cancel)
	stream, err := client.Capture(ctx, f.request)
	accepted()
	if err != nil {
		return err
	}
	defer stream.Close()
	fmt.Fprintf(cmd.ErrOrStderr(), "capturing, link-type RAW (Raw IP), snapshot length %d bytes; Ctrl-C ends\n", f.request.Snaplen)

	o := savefile.Options{Path: f.write, MaxBytes: f.fileSize * 1_000_000, Files: f.files}
	if f.toStdout() {
		o.Path, o.Out = "", cmd.OutOrStdout()
	}
	if f.print {
		o.Text = cmd.OutOrStdout()
	}
	return f.save(cmd, stream, o)
}

// saved is what a capture came to.
type saved struct {
	savefile.Summary
	err error
}

// save saves the stream until it ends, and has it end when it is time to.
func (f *captureFlags) save(cmd *cobra.Command, stream *control.CaptureStream, o savefile.Options) error {
	done := make(chan saved, 1)
	go func() {
		s, err := savefile.Save(stream, o)
		done <- saved{s, err}
	}()
	var elapsed <-chan time.Time
	if f.duration > 0 {
		elapsed = time.After(f.duration)
	}
	select {
	case s := <-done:
		return s.report(cmd.ErrOrStderr())
	case <-elapsed:
	case <-cmd.Context().Done():
	}
	if err := stream.Stop(); err != nil {
		return err
	}
	select {
	case s := <-done:
		return s.report(cmd.ErrOrStderr())
	case <-time.After(captureEnd): // whoever reads standard output does not
		return errors.New("nobody takes the rest of the capture: ended without it")
	}
}

// report prints the summary, in tcpdump's words, and returns what went wrong.
// That nobody reads any more, or that the gateway has ended, is no failure.
func (s saved) report(w io.Writer) error {
	plural := func(n uint64) string {
		if n == 1 {
			return "1 packet"
		}
		return fmt.Sprint(n, " packets")
	}
	fmt.Fprintf(w, "%s captured\n%s received by filter\n%s dropped by the gateway's buffer\n",
		plural(s.Captured), plural(s.Captured+s.Dropped), plural(s.Dropped))
	switch {
	case control.IsEnding(s.err):
		fmt.Fprintln(w, "the gateway has ended")
		return nil
	case errors.Is(s.err, syscall.EPIPE):
		return nil
	}
	return s.err
}
