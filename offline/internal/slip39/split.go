package slip39

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"slices"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

const (
	atDigest   = 254 // the place of the digest of what is shared
	atSecret   = 255 // the place of what is shared
	digestLen  = 4
	rounds     = 4
	iterations = 2500 // of a round, at exponent 0
	exponent   = 1    // of the shares that Split makes
)

// Split shares a secret of 16 to 32 bytes, an even number, as p says: all shares in
// the order of groups and members, with their values in a. The passphrase may be
// empty; every other one gives another secret, and none is wrong.
func Split(a *memory.Arena, random io.Reader, secret []byte, p Plan, passphrase []byte) (shares []Share, err error) {
	if n := len(secret); n < minSecret || n > maxSecret || n%2 != 0 || len(passphrase) > maxPhrase {
		return nil, fault.New("share.secret", "", "a secret of %d bytes, with a passphrase of %d, cannot be shared", n, len(passphrase))
	}
	if !p.valid() {
		return nil, fault.New("share.plan", "", "%q is no way to share", p.String())
	}
	memory.Do(func() { shares, err = split(a, random, secret, p, passphrase) })
	return shares, err
}

func split(a *memory.Arena, random io.Reader, secret []byte, p Plan, passphrase []byte) (shares []Share, err error) {
	set := Share{Extendable: true, Exponent: exponent, GroupThreshold: p.Threshold, Groups: len(p.Groups)}
	var id [32]byte // a source may refuse to give less
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return nil, err
	}
	set.ID = uint16(id[0])<<8&0x7f00 | uint16(id[1])
	sealed, err := set.crypt(a, secret, passphrase, []byte{0, 1, 2, 3})
	if err != nil {
		return nil, err
	}
	defer clear(sealed)
	parts, err := deal(a, random, sealed, p.Threshold, len(p.Groups))
	if err != nil {
		return nil, err
	}
	for i, g := range p.Groups {
		defer clear(parts[i])
		values, err := deal(a, random, parts[i], g.Threshold, g.Members)
		if err != nil {
			return nil, err
		}
		for j, v := range values {
			s := set
			s.Group, s.Member, s.Threshold, s.value = i, j, g.Threshold, v
			shares = append(shares, s)
		}
	}
	return shares, nil
}

// crypt is the cipher over the secret: four rounds of a Feistel network, which the
// passphrase keys. The rounds in reverse order undo it.
func (s Share) crypt(a *memory.Arena, secret, passphrase []byte, order []byte) ([]byte, error) {
	out, err := a.Copy(secret)
	if err != nil {
		return nil, err
	}
	half := len(out) / 2
	l, r := out[:half], out[half:]
	var salt []byte
	if !s.Extendable {
		salt = append([]byte("shamir"), byte(s.ID>>8), byte(s.ID))
	}
	for _, i := range order {
		key := append([]byte{i}, passphrase...)
		salted := slices.Concat(salt, r)
		f, err := pbkdf2.Key(sha256.New, memory.Text(key), salted, iterations<<s.Exponent, half)
		clear(key)
		clear(salted)
		if err != nil {
			return nil, err
		}
		subtle.XORBytes(f, l, f)
		copy(l, r)
		copy(r, f)
		clear(f)
	}
	for i := range half {
		l[i], r[i] = r[i], l[i]
	}
	return out, nil
}

// deal shares a value among n, any t of which have it.
func deal(a *memory.Arena, random io.Reader, secret []byte, t, n int) ([][]byte, error) {
	values := make([][]byte, n)
	var err error
	for i := range values {
		if values[i], err = a.Bytes(len(secret)); err != nil {
			return nil, err
		}
	}
	if t == 1 {
		for _, v := range values { // of members there is one; of groups each has it all
			copy(v, secret)
		}
		return values, nil
	}
	check, err := a.Bytes(len(secret))
	if err != nil {
		return nil, err
	}
	defer clear(check)
	points := []point{{atDigest, check}, {atSecret, secret}}
	for i := range t - 2 {
		if err := fill(random, values[i]); err != nil {
			return nil, err
		}
		points = append(points, point{byte(i), values[i]})
	}
	if err := fill(random, check[digestLen:]); err != nil {
		return nil, err
	}
	copy(check, digest(check[digestLen:], secret))
	for i := t - 2; i < n; i++ {
		interpolate(values[i], byte(i), points)
	}
	return values, nil
}

// fill reads random bytes: 32 at a time, since a source that watches itself wants to
// give no fewer.
func fill(random io.Reader, to []byte) error {
	var b [32]byte
	defer clear(b[:])
	_, err := io.ReadFull(random, b[:])
	copy(to, b[:])
	return err
}

func digest(key, secret []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(secret)
	return h.Sum(nil)[:digestLen]
}
