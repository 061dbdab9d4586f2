package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"coldsign/scripts/optics"
	"coldsign/shared/frame/native"
	"coldsign/shared/frame/qr"
)

const bulkSize = 10_000_000

// bulk sends 10 MB through native frames without optics. Each side is a process
// of its own, so that its memory is its own.
func bulk(bool) error {
	dir, err := os.MkdirTemp("", "coldsign-optics-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%-44s %8s %12s %14s\n", "10 MB, V27 frames, 30 % of them lost", "CPU s", "peak MiB", "of the object")
	file, printed := filepath.Join(dir, "frames"), map[string]string{}
	for _, side := range []string{"idle", "write", "read"} {
		cmd := exec.Command(os.Args[0], "-side", side, "-file", file, "-frame", cmp.Or(printed["write"], "0"))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", side, err)
		}
		result, memory, _ := strings.Cut(string(out), " ")
		peak, err := strconv.ParseInt(memory, 10, 64)
		if err != nil {
			return err
		}
		printed[side] = result
		s := cmd.ProcessState
		fmt.Printf("%-44s %8.2f %12d %13.1fx\n", side, (s.UserTime() + s.SystemTime()).Seconds(), peak>>10, float64(peak<<10)/bulkSize)
	}
	if sum := sha256.Sum256(optics.Random(bulkSize, 1)); printed["read"] != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("another object arrived")
	}
	return nil
}

// side is one side of bulk. The writer prints the length of a frame, the reader
// the digest of what arrived, and both the KiB of memory that they once had.
func side(what, file string, length int) (err error) {
	switch what {
	case "write":
		err = bulkWrite(file)
	case "read":
		err = bulkRead(file, length)
	}
	if err != nil {
		return err
	}
	// What wait4 says of a child includes the parent's memory before exec.
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Print(" ", strings.Fields(peak)[0])
	return nil
}

func bulkWrite(file string) error {
	e, err := native.NewEncoder(optics.Random(bulkSize, 1), qr.ByteCapacity(27))
	if err != nil {
		return err
	}
	fmt.Print(e.FrameSize())
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w, r := bufio.NewWriter(f), rand.New(rand.NewPCG(1, 2))
	for n, sent := 0, 0; sent < e.K()+e.K()/100+10; n++ {
		if r.Float64() < 0.3 {
			continue
		}
		sent++
		if _, err := w.Write(e.Frame(uint64(n))); err != nil {
			return err
		}
	}
	return w.Flush()
}

func bulkRead(file string, length int) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	frame, d := make([]byte, length), native.NewDecoder(native.Limits{})
	for r := bufio.NewReader(f); ; {
		if _, err := io.ReadFull(r, frame); err != nil {
			return fmt.Errorf("not done: %w", err)
		}
		p, err := d.Add(frame)
		if err != nil {
			return err
		}
		if p.Object != nil {
			fmt.Printf("%x", sha256.Sum256(p.Object))
			return nil
		}
	}
}
