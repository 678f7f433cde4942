package epoch

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPassed(t *testing.T) {
	var d Domain
	if !d.Passed(d.Stamp()) {
		t.Error("without a reader, a stamp has not passed")
	}
	a, b := d.NewReader(), d.NewReader()
	want := func(s Stamp, want bool, when string) {
		t.Helper()
		if got := d.Passed(s); got != want {
			t.Errorf("%s: passed %t, want %t", when, got, want)
		}
	}
	outside := d.Stamp()
	want(outside, true, "nobody has been inside")
	a.Enter()
	want(outside, true, "a has entered since")
	first := d.Stamp()
	want(first, false, "a is inside")
	b.Enter()
	second := d.Stamp()
	want(first, false, "a is inside, b has entered since")
	a.Leave()
	want(first, true, "a has left")
	want(second, false, "b is inside")
	a.Enter() // again: it is another use
	want(first, true, "a is back")
	b.Leave()
	want(second, true, "b has left, a has entered since")
	a.Leave()
}

func TestSynchronizeWaitsForWhoIsInside(t *testing.T) {
	var d Domain
	d.Synchronize() // nobody
	r := d.NewReader()
	d.Synchronize() // nobody inside
	r.Enter()
	var through atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		d.Synchronize()
		through.Store(true)
	})
	for before := d.now.Load(); d.now.Load() == before; { // until it has begun
		runtime.Gosched()
	}
	for range 100 {
		if d.Passed(Stamp(d.now.Load())) || through.Load() {
			t.Fatal("synchronized although a reader is inside")
		}
		time.Sleep(10 * time.Microsecond)
	}
	r.Leave()
	r.Enter() // does not hold it up any more
	wg.Wait()
	r.Leave()
}

// TestNothingIsUsedAfterItsTime has readers follow a pointer to something that a
// writer replaces, waits, and spoils.
func TestNothingIsUsedAfterItsTime(t *testing.T) {
	var d Domain
	var shared atomic.Pointer[int]
	shared.Store(new(int))
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		r := d.NewReader()
		wg.Go(func() {
			for !stop.Load() {
				r.Enter()
				for range 3 {
					if p := shared.Load(); *p != 0 {
						t.Error("a reader has seen what was taken away")
						stop.Store(true)
					}
				}
				r.Leave()
			}
		})
	}
	for i := range 2000 {
		old := shared.Swap(new(int))
		if i%2 == 0 {
			d.Synchronize()
		} else {
			for s := d.Stamp(); !d.Passed(s); {
				runtime.Gosched()
			}
		}
		*old = 1 // no reader has it, or the race detector says so as well
	}
	stop.Store(true)
	wg.Wait()
}

// TestReadersComeMeanwhile: a new reader holds no stamp up that is older.
func TestReadersComeMeanwhile(t *testing.T) {
	var d Domain
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r := d.NewReader()
				r.Enter()
				r.Leave()
				d.Synchronize()
			}
		})
	}
	wg.Wait()
	if n := len(d.all()); n != 200 {
		t.Errorf("%d readers, want 200", n)
	}
}

func TestReadersDoNotAllocate(t *testing.T) {
	var d Domain
	r := d.NewReader()
	if n := testing.AllocsPerRun(100, func() {
		r.Enter()
		r.Leave()
		d.Passed(d.Stamp())
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkEnterLeave(b *testing.B) {
	var d Domain
	r := d.NewReader()
	for b.Loop() {
		r.Enter()
		r.Leave()
	}
}
