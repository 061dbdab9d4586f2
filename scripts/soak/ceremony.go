package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"coldsign/scripts/halves"
)

// file is a new name on the medium.
func (d *driver) file(kind string) string {
	d.files++
	return fmt.Sprintf("%s-%d.cbor", kind, d.files)
}

// killing runs a command until it has run to its end; chance kills it before, most
// often near the end.
func (d *driver) killing(ctx context.Context, kind string, once func(context.Context) error) error {
	do := func(ctx context.Context) error { return d.patiently(ctx, once) }
	for range 3 {
		if rand.IntN(5) < 2 {
			break
		}
		usual := float64(max(d.typical[kind], 20*time.Millisecond))
		part := rand.Float64()
		if rand.IntN(2) == 0 {
			part = 0.7 + 0.4*part
		}
		short, cancel := context.WithTimeout(ctx, time.Duration(usual*part))
		err := do(short)
		cancel()
		if err == nil || !strings.Contains(err.Error(), "signal: killed") && !errors.Is(err, context.DeadlineExceeded) {
			return err // it was faster
		}
		d.counts.add("kill", kind)
	}
	began := time.Now()
	err := do(ctx)
	d.typical[kind] = time.Since(began)
	return err
}

// ceremony carries what is pending across the gap and back.
func (d *driver) ceremony(ctx context.Context) error {
	_, answer, err := d.signed(ctx)
	if err != nil || answer == "" {
		return err
	}
	return d.take(ctx, answer)
}

// signed carries what is pending across the gap and gives the names of what was asked
// and of the answer; "" when nothing was pending.
func (d *driver) signed(ctx context.Context) (request, answer string, err error) {
	var requests []string // every one that an export, killed or not, has left
	export := func(ctx context.Context) error {
		name := d.file("requests")
		requests = append(requests, name)
		_, err := d.Export(ctx, name)
		return err
	}
	err = d.killing(ctx, "export", export)
	if err == nil && rand.IntN(3) == 0 {
		d.counts.add("twice", "export")
		err = d.patiently(ctx, export)
	}
	if halves.CodeOf(err) == "export.empty" { // what was exported may have ended meanwhile
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	request = d.same("requests", requests)
	if err := d.torn(ctx, request, "requests", func(name string) error {
		_, err := d.Review(ctx, name)
		return err
	}); err != nil {
		return "", "", err
	}
	answers, err := d.sign(ctx, request)
	if err != nil {
		return "", "", err
	}
	answer = d.same("answers", answers)
	if err := d.torn(ctx, answer, "answers", func(name string) error {
		_, err := d.Import(ctx, name)
		return err
	}); err != nil {
		return "", "", err
	}
	d.bundles++
	return request, answer, nil
}

func (d *driver) sign(ctx context.Context, request string) (answers []string, err error) {
	var review halves.Review
	if err = d.killing(ctx, "review", func(ctx context.Context) (err error) {
		review, err = d.Review(ctx, request)
		return err
	}); err != nil {
		return nil, err
	}
	if review.Refused > 0 {
		return nil, fmt.Errorf("the policy refuses %d", review.Refused)
	}
	sign := func(ctx context.Context) error {
		name := d.file("answers")
		answers = append(answers, name)
		_, err := d.Sign(ctx, request, name, review.Digest)
		return err
	}
	err = d.killing(ctx, "sign", sign)
	if err == nil && rand.IntN(5) == 0 {
		d.counts.add("twice", "sign")
		err = sign(ctx)
	}
	return answers, err
}

// same wants all files that there are to be the same, byte for byte: a killed
// command leaves the whole file or none. It gives the last one's name.
func (d *driver) same(kind string, names []string) string {
	last := names[len(names)-1]
	want, err := os.ReadFile(d.Path(last))
	if err != nil {
		d.breakf("%s: %v", kind, err)
	}
	for _, name := range names {
		got, err := os.ReadFile(d.Path(name))
		if err == nil && !bytes.Equal(got, want) {
			d.breakf("%s: %s, of %d bytes, is not the same as %s, of %d", kind, name, len(got), last, len(want))
		}
	}
	return last
}

// torn has a broken copy of the file refused.
func (d *driver) torn(ctx context.Context, name, kind string, read func(name string) error) error {
	if rand.IntN(2) == 0 {
		return nil
	}
	raw, err := os.ReadFile(d.Path(name))
	if err != nil {
		return err
	}
	how := "cut short"
	if rand.IntN(2) == 0 {
		raw = raw[:rand.IntN(len(raw))]
	} else {
		how = "one bit flipped"
		bit := rand.IntN(8 * len(raw))
		raw[bit/8] ^= 1 << (bit % 8)
	}
	bad := d.file("bad-" + kind)
	if err := os.WriteFile(d.Path(bad), raw, 0o600); err != nil {
		return err
	}
	f, refused := errors.AsType[*halves.Failure](read(bad))
	if !refused || f.Status != 1 || f.Code() == "" {
		d.breakf("%s, %s, was not refused: %s", kind, how, bad)
	}
	d.counts.add("bad", kind+" "+how)
	return nil
}

// take imports the answer: from one process or two, killed now and then, and again.
func (d *driver) take(ctx context.Context, answer string) error {
	imports := func(ctx context.Context) error {
		return d.patiently(ctx, func(ctx context.Context) error { _, err := d.Import(ctx, answer); return err })
	}
	if rand.IntN(2) == 0 {
		var two sync.WaitGroup
		errs := make([]error, 2)
		short, cancel := context.WithCancel(ctx)
		for i := range errs {
			two.Go(func() { errs[i] = imports(short) })
		}
		if rand.IntN(2) == 0 { // both die
			time.AfterFunc(time.Duration(rand.Int64N(int64(max(d.typical["import"], 20*time.Millisecond)))), cancel)
		}
		two.Wait()
		killed := short.Err() != nil
		cancel()
		d.counts.add("twice", "import at the same time")
		for _, err := range errs {
			if killed && err != nil {
				d.counts.add("kill", "import, one of two")
			} else if err != nil {
				return fmt.Errorf("one of two imports: %w", err)
			}
		}
	}
	if err := d.killing(ctx, "import", imports); err != nil {
		return err
	}
	if rand.IntN(3) == 0 {
		d.counts.add("twice", "import")
		return imports(ctx)
	}
	return nil
}
