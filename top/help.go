package top

// newHelp returns the overlay that lists the keys.
func newHelp() *overlay { return newOverlay("sgate top: help", Help) }

// Help says what the view shows and which keys it knows.
const Help = `
  IN is what reached an instance and OUT what it sent, as NetworkIn and
  NetworkOut of CloudWatch are. A packet that is dropped counts at its sender,
  whichever end's rules decided. CT AVAIL is conntrack_allowance_available: how
  many more flows the interface may track. Newest drops with the same ends,
  port and reason are one row, with their number.

  tab, 1 2 3        choose a panel: interfaces, drops by reason, newest drops
  up down, j k      move; pgup pgdn by a screen, home end to the first and last
  s, S              sort by the next column; in the other direction
  enter             on an interface: show its drops alone
                    on a reason: show the drops of that reason alone
                    on a drop: explain it, and say what would allow it
  r                 show the drops of the chosen reason alone, or of all again
  /                 show what has a text in it: a name, id, address or port
  esc               take a filter away, close what is open
  p                 pause: what is shown stays; go on
  c                 count drops from zero, and forget those that are listed
  ?                 this help
  q, ctrl+c         quit
`
