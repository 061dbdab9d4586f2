// Package scan takes what a camera, a folder, a video or a hand-held scanner sees
// to who puts it together.
//
//	stats, err := scan.Run(ctx, src, reader.New().Read, false, func(s []reader.Symbol) (done bool) {
//		...
//	})
//
// Pictures are read on all cores and handed over in the order in which they
// came. A picture on which the reader fails or hangs is given up, no more.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
)

// Stats counts the pictures of a scan.
type Stats struct {
	Read    int   // handed over, with or without something in them
	Dropped int   // they came while all cores were busy; never those of a file
	Lost    int   // the source could not decode them
	Failed  int   // the reader failed or hung
	Loss    error // why the first of the lost or failed is; nil when none is
}

func (s *Stats) lose(n *int, err error) {
	*n++
	if s.Loss == nil {
		s.Loss = err
	}
}

// job is a picture that is being read, or the error in its place.
type job[S any] struct {
	done    chan outcome[S] // the first counts
	err     error
	dropped int // pictures ahead of it
}

type outcome[S any] struct {
	symbols []S
	err     error
}

// Run reads the pictures of src to their end, or until emit is done or ctx ends.
// read is called from several goroutines; emit from one, for each picture, also
// when nothing is in it. A live source does not wait: what comes while all cores
// are busy is dropped.
//
// Run does not wait for a Next or a read under way when it returns early: closing
// the source ends the one, and the other ends by itself.
func Run[S any](ctx context.Context, src picture.Source, read func(*picture.Plane) []S, live bool, emit func([]S) (done bool)) (Stats, error) {
	var s Stats
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// A slot is taken from before a picture is read until it is handed over: it
	// bounds the memory, the goroutines, and how late a live picture can be.
	slots := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	jobs := make(chan job[S], cap(slots))
	go produce(ctx, src, read, live, slots, jobs)
	abandoned := 0
	for {
		var j job[S]
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case j = <-jobs:
		}
		s.Dropped += j.dropped
		switch {
		case picture.IsLost(j.err):
			s.lose(&s.Lost, j.err)
			continue
		case errors.Is(j.err, io.EOF):
			return s, nil
		case j.err != nil:
			return s, j.err
		}
		var o outcome[S]
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case o = <-j.done:
		}
		<-slots
		if o.err != nil {
			s.lose(&s.Failed, o.err)
			if fault.Is(o.err, "scan.stuck") {
				abandoned++
			}
			if abandoned > maxAbandoned {
				return s, o.err
			}
			continue
		}
		s.Read++
		if emit(o.symbols) {
			return s, nil
		}
	}
}

// produce starts the reading of each picture and queues it; the last job carries
// the end of the source.
func produce[S any](ctx context.Context, src picture.Source, read func(*picture.Plane) []S, live bool, slots chan struct{}, jobs chan job[S]) {
	dropped := 0
	for ctx.Err() == nil {
		p, err := next(src)
		j := job[S]{err: err}
		if err == nil {
			if live && len(slots) == cap(slots) {
				dropped++
				continue
			}
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
			j.done = start(read, p)
		}
		j.dropped, dropped = dropped, 0
		select {
		case <-ctx.Done():
			return
		case jobs <- j:
		}
		if err != nil && !picture.IsLost(err) {
			return
		}
	}
}

// start reads a picture in a goroutine of its own, and gives up on it in time.
func start[S any](read func(*picture.Plane) []S, p *picture.Plane) chan outcome[S] {
	done := make(chan outcome[S], 2)
	timer := time.AfterFunc(patience, func() {
		done <- outcome[S]{err: fault.New("scan.stuck", "", "a picture was not read within %v", patience)}
	})
	go func() {
		o := try(read, p)
		timer.Stop()
		done <- o
	}()
	return done
}

func next(src picture.Source) (p *picture.Plane, err error) {
	defer contain("picture.panic", &err)
	return src.Next()
}

func try[S any](read func(*picture.Plane) []S, p *picture.Plane) (o outcome[S]) {
	defer contain("scan.panic", &o.err)
	o.symbols = read(p)
	return o
}

// contain turns a panic into an error: a picture made to break a decoder must not
// take the process with it.
func contain(code string, err *error) {
	if r := recover(); r != nil {
		*err = fault.New(code, "", "reading a picture failed: %q", fmt.Sprint(r))
	}
}
