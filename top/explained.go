package top

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/explain"
)

// openDrop shows what is known of a drop, and asks for its explanation.
func (m *model) openDrop(d drop) tea.Cmd {
	o := newOverlay(fmt.Sprintf("%s -> %s %s", d.From, d.To, d.Packet()), d.facts())
	m.open(o)
	request, ok := d.request()
	if !ok {
		o.reply = "\nToo little of the packet could be read to ask what would become of another.\n"
		return nil
	}
	o.reply = "\nAsking the gateway what would become of such a packet now...\n"
	ask, q := m.ask, question{o.number, request}
	return func() tea.Msg {
		ask(q)
		return nil
	}
}

// answer puts the gateway's answer into the overlay of a drop.
func (o *overlay) answer(msg *explanationMsg, color bool) {
	if msg.err != nil {
		o.reply = fmt.Sprintf("\nWhat would become of such a packet now cannot be told: %s\n", clean(msg.err.Error()))
		return
	}
	var b strings.Builder
	b.WriteString("\nWhat would become now of a packet that opens such a flow (sgate explain):\n\n")
	_ = explain.WriteText(&b, msg.Explanation, explain.Style{Color: color}) // a Builder takes all
	o.reply = b.String()
}

// facts is what the gateway told of a drop when it happened.
func (d *drop) facts() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "  %-9s%s\n", name, clean(text))
		}
	}
	b.WriteString("\n")
	line("dropped", "%s", d.Reason)
	line("", "%s", d.Why())
	line("when", "%s", d.when())
	line("packet", "%s, %d bytes, judged by policy %d", d.Packet(), d.Bytes, d.Generation)
	line("from", "%s", endText(d.From))
	line("to", "%s", endText(d.To))
	line("egress", "%s", sideText(&d.Egress))
	line("ingress", "%s", sideText(&d.Ingress))
	return b.String()
}

func (d *drop) when() string {
	const form = "15:04:05.000"
	last := d.Time.Local().Format(form)
	if d.Count == 1 {
		return last
	}
	return fmt.Sprintf("%s, the last of %s since %s", last, thousands(d.Count), d.First.Local().Format(form))
}

// endText is all that is known of an end.
func endText(e control.EventEnd) string {
	var parts []string
	if e.Name != "" {
		parts = append(parts, e.Name)
	}
	if e.Address.IsValid() {
		at := control.EventEnd{Address: e.Address, Port: e.Port}
		parts = append(parts, at.String())
	}
	if e.ID != "" {
		parts = append(parts, e.ID)
	}
	return strings.Join(parts, "  ")
}

// sideText is what one end's groups had to say of a packet.
func sideText(s *control.EventSide) string {
	text := map[string]string{
		control.AnswerNotAsked: "not asked", control.AnswerNoGroups: "no security groups", control.AnswerRule: "a rule admits it",
		control.AnswerFlow: "it tracks the flow", control.AnswerNoRule: "no rule admits it",
	}[s.Answer]
	if text == "" {
		text = s.Answer
	}
	if s.RuleID != "" {
		text += ": " + s.RuleID
	}
	if s.Rule != "" {
		text += fmt.Sprintf(" (%s: %s)", s.Group, s.Rule)
	}
	return text
}

// request asks what would become of a packet like the newest of a drop. ok is
// false if too little is known of it.
func (d *drop) request() (r control.ExplainRequest, ok bool) {
	if !d.From.Address.IsValid() || !d.To.Address.IsValid() || d.Protocol == "" {
		return r, false
	}
	r = control.ExplainRequest{
		VPC: d.VPC, From: d.From.Address.String(), To: d.To.Address.String(),
		Protocol: d.Protocol, Port: d.To.Port, ICMPType: d.ICMPType,
	}
	if d.TCPFlags != "" && d.TCPFlags != "S" {
		// It was to go on with a connection. What opens one comes from another
		// port when it is tried again.
		r.SourcePort = d.From.Port
	}
	if d.From.ID != "" { // who sent it, whatever address it has given
		r.From, r.SourceAddress = d.From.ID, d.From.Address.String()
	}
	if d.ICMPType != nil && d.ICMPCode != nil {
		r.ICMPCode = *d.ICMPCode
	}
	return r, true
}
