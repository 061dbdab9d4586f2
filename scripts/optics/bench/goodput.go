package main

import (
	"fmt"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/native"
	"coldsign/shared/frame/qr"
)

// profile is a way of showing native frames.
type profile struct {
	name          string
	version       int
	columns, each int
	size          int // bytes of the object, for about ten seconds of film
}

var profiles = [...]profile{
	{"default: V27", 27, 1, 1, 200_000},
	{"dense: V40", 40, 1, 1, 400_000},
	{"grid 2x2 V30", 30, 2, 4, 1_000_000},
	{"grid 3x2 V27", 27, 3, 6, 1_200_000},
}

// nativeStream shows an object as native frames.
func nativeStream(name string, version, columns, each int, rate float64, object []byte) (stream, error) {
	e, err := native.NewEncoder(object, qr.ByteCapacity(version))
	if err != nil {
		return stream{}, err
	}
	var symbols qr.Encoder
	d := native.NewDecoder(native.Limits{})
	return stream{name: name, columns: columns, each: each, rate: rate,
		symbol: func(n int) (qr.Matrix, error) {
			return symbols.Bytes(e.Frame(uint64(n)), version, e.Mask(uint64(n)))
		},
		add: func(content []byte) ([]byte, error) {
			p, err := d.Add(content)
			return p.Object, err
		},
	}, nil
}

// goodput sends random bytes, so that nothing is gained by compression.
func goodput(quick bool) error {
	type row struct {
		name string
		lost float64
		outcome
	}
	var rows []row
	for _, lost := range []float64{0, 0.3} {
		for _, p := range profiles {
			rows = append(rows, row{name: p.name, lost: lost})
		}
	}
	each(len(rows), func(i int) {
		p := profiles[i%len(profiles)]
		if quick {
			p.size /= 4
		}
		object := optics.Random(p.size, uint64(i))
		s, err := nativeStream(p.name, p.version, p.columns, p.each, 15, object)
		if err != nil {
			rows[i].failed = err
			return
		}
		rows[i].outcome = s.watch(object, rows[i].lost, uint64(i+1))
	})
	fmt.Printf("%-16s %6s %8s %8s %8s %9s %7s\n", "15 shown/s", "lost", "bytes", "seconds", "kB/s", "ms/frame", "frames")
	for _, r := range rows {
		fmt.Printf("%-16s %5.0f%% %8d %v\n", r.name, 100*r.lost, r.object, r.outcome)
	}
	return nil
}
