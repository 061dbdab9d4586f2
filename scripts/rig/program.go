package rig

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Program builds a program of this repository to out, as a release is made but for
// its build id: "./online", and more arguments of "go build". The last build is kept
// in the cache, and go sees by its id when it is still right, so that it is linked
// once for all tests. Whoever builds the same meanwhile waits.
func Program(ctx context.Context, out, pkg string, more ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	name := sha256.Sum256([]byte(strings.Join(append([]string{root, pkg}, more...), "\x00")))
	kept := filepath.Join(cacheOf(root), "programs", hex.EncodeToString(name[:8]))
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(kept+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // and unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	args := append([]string{"build", "-buildvcs=false", "-trimpath", "-overlay=", "-ldflags=-s -w", "-o", kept}, more...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=runtimesecret", "GOTOOLCHAIN=local")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return copyProgram(out, kept)
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
