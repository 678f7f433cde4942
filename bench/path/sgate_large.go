package path

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// findSgateLarge returns sgate with many interfaces and rules, only two of them
// with devices. The sgate binary would make a device for each, so this is a
// process with its parts, put together as it does.
func findSgateLarge(string) (Path, error) {
	return Path{
		Description: fmt.Sprintf("sgate's daemon, %d interfaces, %d rules, 2 devices", fleetInterfaces, fleetRules),
		build: func(ctx context.Context, w *World) error {
			configuration, err := w.setting().configuration()
			if err != nil {
				return err
			}
			cmd := ownProgram(largeGateway)
			cmd.Env = append(os.Environ(), largeConfig+"="+configuration)
			commands, err := cmd.StdinPipe()
			if err != nil {
				return err
			}
			answers, err := cmd.StdoutPipe()
			if err != nil {
				return err
			}
			if err := w.start(cmd); err != nil {
				return err
			}
			c := &changer{w.gateway, commands, bufio.NewReader(answers), answerWithin}
			w.change = c.change
			_, err = c.answer() // to having started
			return err
		},
	}, nil
}

// changer has a gateway change its rules: a line asks for it, and a line answers
// with the time that it took, in ns, or with what went wrong.
type changer struct {
	gateway  *process
	commands io.Writer
	answers  *bufio.Reader
	within   time.Duration // a gateway that has not answered by then is killed
}

// answerWithin is far more than a change or the start takes: a gateway that hangs
// must not keep the benchmark from its end.
const answerWithin = 30 * time.Second

// change cannot be called off once it has begun: it takes a moment.
func (c *changer) change(ctx context.Context) (took time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c.commands, "\n"); err != nil {
		return 0, c.gateway.failure()
	}
	return c.answer()
}

func (c *changer) answer() (took time.Duration, err error) {
	late := time.AfterFunc(c.within, c.gateway.kill)
	defer late.Stop()
	line, err := c.answers.ReadString('\n')
	if err != nil {
		return 0, c.gateway.failure()
	}
	line = strings.TrimSpace(line)
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("change a rule: %s", line)
	}
	return time.Duration(n), nil
}
