package savefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"
)

// packet is a packet of a capture.
type packet struct {
	info    gopacket.CaptureInfo
	data    []byte
	options pcapgo.NgPacketOptions
}

// isOutbound reports whether the packet was seen where it left.
func (p packet) isOutbound() bool {
	return p.options.Flags != nil && p.options.Flags.Direction == pcapgo.NgEpbFlagDirectionOutbound
}

// comment returns the packet's first comment, "" if it has none.
func (p packet) comment() string {
	if len(p.options.Comments) == 0 {
		return ""
	}
	return p.options.Comments[0]
}

// file is a pcapng file, or a pipe.
type file struct {
	to         io.WriteCloser
	buffer     *bufio.Writer
	written    int64
	writer     *pcapgo.NgWriter
	interfaces int // that it has, the first of the capture's
}

// fileName returns the name of the n-th file, from 0 on: as tcpdump's, the first
// of several has no number, but for those of a ring, where all have as many
// digits as the last.
func (o Options) fileName(n int) string {
	switch {
	case o.MaxBytes > 0 && o.Files > 0:
		digits := len(strconv.Itoa(o.Files - 1))
		return fmt.Sprintf("%s%0*d", o.Path, digits, n%o.Files)
	case n > 0:
		return o.Path + strconv.Itoa(n)
	}
	return o.Path
}

func createFile(in *pcapgo.NgReader, path string) (*file, error) {
	to, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	f, err := newFile(in, to)
	if err != nil {
		return nil, errors.Join(err, to.Close())
	}
	return f, nil
}

// newFile begins a file. The interfaces follow when they are needed, the first
// excepted, which there must be.
func newFile(in *pcapgo.NgReader, to io.WriteCloser) (*file, error) {
	f := &file{to: to}
	f.buffer = bufio.NewWriterSize(f, outBuffer)
	first, err := in.Interface(0)
	if err != nil {
		return nil, err
	}
	// It takes our buffer for its own.
	f.writer, err = pcapgo.NewNgWriterInterface(f.buffer, first, pcapgo.NgWriterOptions{SectionInfo: in.SectionInfo()})
	if err != nil {
		return nil, err
	}
	f.interfaces = 1
	return f, nil
}

// addInterfaces adds those of the capture that the file does not have yet.
func (f *file) addInterfaces(in *pcapgo.NgReader) error {
	for ; f.interfaces < in.NInterfaces(); f.interfaces++ {
		i, err := in.Interface(f.interfaces)
		if err != nil {
			return err
		}
		if _, err := f.writer.AddInterface(i); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) write(in *pcapgo.NgReader, p packet) error {
	if err := f.addInterfaces(in); err != nil {
		return err
	}
	return f.writer.WritePacketWithOptions(p.info, p.data, p.options)
}

func (f *file) writeStatistics(in *pcapgo.NgReader, i int, s pcapgo.NgInterfaceStatistics) error {
	if err := f.addInterfaces(in); err != nil {
		return err
	}
	return f.writer.WriteInterfaceStats(i, s)
}

// Write implements io.Writer, for the buffer.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.written += int64(n)
	return n, err
}

// size returns how many bytes the file has, and those that wait to be written.
func (f *file) size() int64 { return f.written + int64(f.buffer.Buffered()) }

func (f *file) close() error { return errors.Join(f.writer.Flush(), f.to.Close()) }
