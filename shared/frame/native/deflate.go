package native

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"

	"coldsign/shared/fault"
)

// deflate gives the inflated length and the deflated bytes.
func deflate(data []byte) []byte {
	var b bytes.Buffer
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	w, _ := flate.NewWriter(&b, flate.BestCompression) // fails for a wrong level only
	w.Write(data)                                      // a Buffer never fails
	w.Close()
	return b.Bytes()
}

// inflate undoes deflate, for not a byte more than was announced.
func inflate(carried []byte) ([]byte, error) {
	bad := fault.New("frame.object", "send it again", "the frames fit together, but what they carry cannot be unpacked")
	if len(carried) < 4 {
		return nil, bad
	}
	size, packed := uint64(binary.BigEndian.Uint32(carried)), carried[4:]
	if size == 0 || size > MaxObject || size > maxInflate*uint64(len(packed)) {
		return nil, bad
	}
	in := bytes.NewReader(packed) // it reads single bytes, so flate takes none too many
	out, r := make([]byte, size), flate.NewReader(in)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, bad
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF || in.Len() != 0 {
		return nil, bad
	}
	return out, nil
}
