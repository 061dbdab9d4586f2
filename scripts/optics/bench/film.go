package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/qr"
)

// stream is what one way of showing an object does.
type stream struct {
	name          string
	columns, each int // symbols side by side, and in one shown picture
	rate          float64
	symbol        func(n int) (qr.Matrix, error)
	add           func(content []byte) ([]byte, error) // the object once it is there
}

// outcome is how a film went.
type outcome struct {
	object   int           // bytes
	time     time.Duration // of film, to the end of the picture that completed it
	pictures int
	cpu      time.Duration // of reading and decoding, on one core
	symbols  int
	failed   error
}

// watch films the stream at 1080p in grade A, held by hand, until the object is
// there. The camera takes 30 pictures a second, or three for each shown one if
// that is less: more of the same would bring nothing.
func (s stream) watch(object []byte, lost float64, seed uint64) outcome {
	o := outcome{object: len(object)}
	shown := func(i int) optics.Show {
		show := optics.Show{Columns: s.columns}
		for k := range s.each {
			m, err := s.symbol(i*s.each + k)
			if err != nil {
				o.failed = err
				m = qr.Matrix{Size: 21, Dark: make([]bool, 21*21)}
			}
			show.Symbols = append(show.Symbols, m)
		}
		return show
	}
	f := optics.Film{Shown: shown, ShownRate: s.rate, Rate: min(30, 3*s.rate), Readout: 0.8, Exposure: 8 * time.Millisecond,
		Phase: float64(seed%7) / 7, Drift: 2, Lost: lost, Seed: seed}
	f.Scene = optics.GradeA.Scene(1920, 1080, shown(0), seed)
	camera, read := optics.NewCamera(f), newReader()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for o.failed == nil {
		p, err := camera.Next()
		if err == io.EOF {
			o.failed = fmt.Errorf("the film ended")
		}
		if err != nil {
			o.failed = err
			break
		}
		o.pictures++
		if p.Time > 10*time.Minute {
			o.failed = fmt.Errorf("not done after ten minutes")
		}
		before := thread()
		contents := read(p)
		for _, content := range contents {
			o.symbols++
			got, err := s.add(content)
			if err != nil {
				o.failed = err
			}
			if got != nil && o.time == 0 {
				o.time = p.Time + time.Duration(float64(time.Second)/f.Rate)
				if !bytes.Equal(got, object) {
					o.failed = fmt.Errorf("another object arrived")
				}
			}
		}
		o.cpu += thread() - before
		if o.time > 0 {
			break
		}
	}
	return o
}

// thread is the CPU time of this thread.
func thread() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (o outcome) String() string {
	if o.failed != nil {
		return "failed: " + o.failed.Error()
	}
	return fmt.Sprintf("%8.2f %8.1f %9.1f %7d", o.time.Seconds(), float64(o.object)/1000/o.time.Seconds(),
		o.cpu.Seconds()*1000/float64(o.pictures), o.pictures)
}
