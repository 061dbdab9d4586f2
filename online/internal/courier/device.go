package courier

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// deviceFile is the name of the device key's file in the home: one line,
// "coldsign-device-key-1 ", or "coldsign-rehearsal-key-1 " for a rehearsal, and the
// 32-byte Ed25519 seed in lower-case hex.
const (
	deviceFile      = "device.key"
	devicePrefix    = "coldsign-device-key-1 "
	rehearsalPrefix = "coldsign-rehearsal-key-1 "
	deviceSize      = len(rehearsalPrefix) + 2*ed25519.SeedSize + 1 // at most
)

// Device is the online half's Ed25519 device key. It signs bundles, never
// payments. It is a bundle.Signer.
type Device struct {
	key       ed25519.PrivateKey
	rehearsal bool
}

// Rehearsal reports whether the key was made for a rehearsal. That never changes.
func (d *Device) Rehearsal() bool { return d.rehearsal }

// Public gives the public key, which pairing brings to the other half.
func (d *Device) Public() ed25519.PublicKey {
	return append(ed25519.PublicKey(nil), d.key[ed25519.SeedSize:]...)
}

// Sign signs the whole message: 64 bytes.
func (d *Device) Sign(message []byte) ([]byte, error) { return ed25519.Sign(d.key, message), nil }

// LoadOrCreateDevice reads the device key in home, or makes one. The file is for
// its owner alone and no symbolic link, else it is refused (device.mode). It
// appears whole or not at all, and of two processes that make it at once both get
// the same.
func LoadOrCreateDevice(home string) (*Device, error) {
	return openDevice(home, devicePrefix)
}

// LoadOrCreateRehearsal is LoadOrCreateDevice for a rehearsal. A home that has another
// key is refused (rehearsal.mark).
func LoadOrCreateRehearsal(home string) (*Device, error) {
	d, err := openDevice(home, rehearsalPrefix)
	if err == nil && !d.rehearsal {
		return nil, fault.New("rehearsal.mark", "give another --home", "this home is a real one, and never becomes a rehearsal")
	}
	return d, err
}

func openDevice(home, prefix string) (*Device, error) {
	path := filepath.Join(home, deviceFile)
	d, err := loadDevice(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := createDevice(home, path, prefix); err != nil {
		return nil, fault.New("device.write", "check that the home folder exists and can be written", "cannot make the device key: %s", quote.Line(err.Error()))
	}
	return loadDevice(path)
}

func loadDevice(path string) (*Device, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New("device.read", "", "cannot read the device key: %s", quote.Line(err.Error()))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New("device.mode", "make it readable by its owner only (chmod 600), and pair with a new one if others could have read it",
			"the device key file is not a regular file for its owner alone")
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(deviceSize)+1))
	if err != nil {
		return nil, fault.New("device.read", "", "cannot read the device key: %s", quote.Line(err.Error()))
	}
	prefix := devicePrefix
	if strings.HasPrefix(string(raw), rehearsalPrefix) {
		prefix = rehearsalPrefix
	}
	line, ok := strings.CutPrefix(string(raw), prefix)
	seed, err := hex.DecodeString(strings.TrimSuffix(line, "\n"))
	if !ok || err != nil || len(seed) != ed25519.SeedSize || string(deviceLine(prefix, seed)) != string(raw) {
		return nil, fault.New("device.format", "restore it from a backup, or remove it and pair again", "the device key file is damaged")
	}
	return &Device{ed25519.NewKeyFromSeed(seed), prefix == rehearsalPrefix}, nil
}

// RetireDevice takes the device key out of use, under another name in the home, so
// that the next use makes a new one. It gives that name, or "" when there was no key.
func RetireDevice(home string, now time.Time) (string, error) {
	path := filepath.Join(home, deviceFile)
	kept := path + "." + now.UTC().Format("20060102T150405Z") + ".old"
	err := os.Link(path, kept) // unlike a renaming it replaces nothing
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return "", fault.New("device.write", "move "+deviceFile+" away yourself, and pair again", "cannot put the device key aside: %s", quote.Line(err.Error()))
	}
	return kept, durable.SyncDir(home)
}

func deviceLine(prefix string, seed []byte) []byte {
	return []byte(prefix + hex.EncodeToString(seed) + "\n")
}

// createDevice writes a whole file under a name of its own, then links it to
// path, which fails if another process was first.
func createDevice(home, path, prefix string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(home, ".device-*") // 0600, exclusive
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails: the program ends when there is no randomness
	_, err = f.Write(deviceLine(prefix, seed))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(home)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
