package main

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/frame/bbqr"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/ur"
)

// urStream shows an object as other wallets do, as a UR of type bytes in pieces
// of at most fragment bytes.
func urStream(name string, fragment int, rate float64, object []byte) (stream, error) {
	message, err := cbor.Marshal(object)
	if err != nil {
		return stream{}, err
	}
	e, err := ur.NewEncoder("bytes", message, fragment)
	if err != nil {
		return stream{}, err
	}
	var symbols qr.Encoder
	// Later parts have longer numbers: one version for all.
	largest, err := symbols.Text(e.Part(99_999), 0)
	if err != nil {
		return stream{}, err
	}
	version := (largest.Size - qr.Size(0)) / 4
	d := ur.NewDecoder(ur.Limits{})
	return stream{name: fmt.Sprintf("%s, V%d", name, version), columns: 1, each: 1, rate: rate,
		symbol: func(n int) (qr.Matrix, error) { return symbols.Text(e.Part(uint32(n+1)), version) },
		add: func(content []byte) ([]byte, error) {
			p, err := d.Add(string(content))
			if err != nil || p.Message == nil {
				return nil, err
			}
			var object []byte
			return object, cbor.Unmarshal(p.Message, &object)
		},
	}, nil
}

// bbqrStream shows an object as BBQr does, over and over.
func bbqrStream(name string, version int, rate float64, object []byte) (stream, error) {
	s, err := bbqr.Split(object, bbqr.Binary, bbqr.Options{MinVersion: version, MaxVersion: version})
	if err != nil {
		return stream{}, err
	}
	var symbols qr.Encoder
	var d bbqr.Decoder
	return stream{name: fmt.Sprintf("%s, V%d", name, s.Version), columns: 1, each: 1, rate: rate,
		symbol: func(n int) (qr.Matrix, error) { return symbols.Text(s.Parts[n%len(s.Parts)], s.Version) },
		add: func(content []byte) ([]byte, error) {
			p, err := d.Add(string(content))
			return p.Data, err
		},
	}, nil
}

// streams are the ways to show one object, each with a decoder of its own.
func streams(object []byte) ([]stream, error) {
	var all []stream
	var failed error
	add := func(s stream, err error) {
		all = append(all, s)
		if err != nil {
			failed = err
		}
	}
	add(nativeStream("native, V27", 27, 1, 1, 15, object))
	add(nativeStream("native, V40", 40, 1, 1, 15, object))
	add(nativeStream("native, 3x2 V27", 27, 3, 6, 15, object))
	add(urStream("UR as Sparrow, 400 B", 400, 5, object))
	add(urStream("UR dense", 1000, 15, object))
	add(bbqrStream("BBQr as Coldcard", 27, 4, object))
	add(bbqrStream("BBQr fast", 27, 15, object))
	return all, failed
}

// transfers sends bundles of requests in every format.
func transfers(quick bool) error {
	type row struct {
		stream
		what   string
		lost   float64
		object []byte
		outcome
	}
	var rows []row
	losses := []float64{0, 0.3}
	if quick {
		losses = losses[:1]
	}
	for _, what := range []string{"ETH", "BTC"} {
		object, err := requests(what, 100)
		if err != nil {
			return err
		}
		for _, lost := range losses {
			all, err := streams(object)
			if err != nil {
				return err
			}
			for _, s := range all {
				rows = append(rows, row{stream: s, what: what, lost: lost, object: object})
			}
		}
	}
	each(len(rows), func(i int) {
		r := &rows[i]
		r.outcome = r.watch(r.object, r.lost, uint64(i+1))
	})
	names := map[string]string{"ETH": "100 Ether transfers", "BTC": "100 one-input PSBTs"}
	fmt.Printf("%-20s %-28s %7s %5s %7s %8s %8s %9s %7s\n", "bundle", "shown as", "shown/s", "lost", "bytes", "seconds", "kB/s", "ms/frame", "frames")
	for _, r := range rows {
		fmt.Printf("%-20s %-28s %7.0f %4.0f%% %7d %v\n", names[r.what], r.name, r.rate, 100*r.lost, len(r.object), r.outcome)
	}
	return nil
}
