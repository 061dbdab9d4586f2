// Package rig starts real nodes for tests, through scripts/nodes:
//
//	n := rig.Btcd(t) // n.URL, n.User, n.Password; stopped when the test ends
//
// A node listens on a free loopback port, keeps its data in a folder of its
// own, and ends with the test process even when that is killed. What is not
// installed yet is installed first, once per machine (scripts/nodes/install.sh
// holds a lock).
package rig

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Kind names a start script of scripts/nodes.
type Kind string

// The nodes. Geth is built for minutes the first time.
const (
	KindBtcd   Kind = "btcd"   // Bitcoin regtest, 101 blocks mined
	KindAnvil  Kind = "anvil"  // eip155:31337
	KindGeth   Kind = "geth"   // eip155:1337
	KindSolana Kind = "solana" // genesis hash: 32 bytes of value 1

	KindLitecoin Kind = "litecoind" // Litecoin regtest, no blocks
)

// Node is a running node.
type Node struct {
	URL            string // "http://127.0.0.1:port"
	User, Password string // of btcd and litecoind; else empty

	stop func()
}

// Stop ends the node and waits for its end. Stopping twice is fine.
func (n *Node) Stop() { n.stop() }

// Btcd starts btcd and stops it when the test ends. Each env entry, "NAME=value",
// is a setting of the start script.
func Btcd(t testing.TB, env ...string) *Node { return start(t, KindBtcd, env) }

// Anvil starts anvil and stops it when the test ends.
func Anvil(t testing.TB, env ...string) *Node { return start(t, KindAnvil, env) }

// Geth starts geth and stops it when the test ends.
func Geth(t testing.TB, env ...string) *Node { return start(t, KindGeth, env) }

// Solana starts the Solana server and stops it when the test ends.
func Solana(t testing.TB, env ...string) *Node { return start(t, KindSolana, env) }

// Litecoin starts litecoind and stops it when the test ends.
func Litecoin(t testing.TB, env ...string) *Node { return start(t, KindLitecoin, env) }

func start(t testing.TB, kind Kind, env []string) *Node {
	t.Helper()
	n, err := Start(context.Background(), kind, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// Start starts a node; the caller stops it. ctx bounds the start only.
func Start(ctx context.Context, kind Kind, env ...string) (*Node, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := install(ctx, root, kind); err != nil {
		return nil, err
	}
	for tries := 3; ; tries-- {
		n, err := launch(ctx, root, kind, env)
		if err == nil || tries == 1 || ctx.Err() != nil {
			return n, err
		} // else somebody else took the port in between
	}
}

// Root is the top folder of the repository that holds the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module coldsign\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside the repository: no go.mod of module coldsign above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

func install(ctx context.Context, root string, kind Kind) error {
	cache := cacheOf(root)
	needed, args := filepath.Join(cache, "nodes", "installed"), []string(nil)
	switch kind {
	case KindLitecoin:
		if path, err := exec.LookPath("litecoind"); err == nil {
			needed = path
		} else {
			needed = filepath.Join(cache, "bin", "litecoind")
		}
	case KindBtcd:
		needed = filepath.Join(cache, "bin", "btcd")
	case KindGeth:
		needed, args = filepath.Join(cache, "bin", "geth"), []string{"--geth"}
	}
	if _, err := os.Stat(needed); err == nil {
		return nil
	}
	out, err := exec.CommandContext(ctx, filepath.Join(root, "scripts", "nodes", "install.sh"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("scripts/nodes/install.sh: %w\n%s", err, out)
	}
	return nil
}

func cacheOf(root string) string {
	if dir := os.Getenv("COLDSIGN_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(root, ".cache")
}

func launch(ctx context.Context, root string, kind Kind, env []string) (*Node, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(root, "scripts", "nodes", string(kind)+".sh"))
	cmd.Env = append(append(os.Environ(), "PORT="+strconv.Itoa(port)), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var words bytes.Buffer
	cmd.Stderr = &words
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started, ended := make(chan error, 1), make(chan struct{})
	line := make(chan string, 1)
	go func() {
		// The kernel sends Pdeathsig when the starting thread ends, so this
		// thread is kept for as long as the node lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		first, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- first
		cmd.Wait() //nolint:errcheck // the end is what matters
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	n := &Node{stop: sync.OnceFunc(func() { end(cmd.Process, ended) })}
	if kind == KindBtcd || kind == KindLitecoin {
		n.User, n.Password = "e2e", "e2e"
	}
	select {
	case <-ctx.Done():
		n.Stop()
		return nil, fmt.Errorf("%s: %w", kind, ctx.Err())
	case first := <-line:
		url, ok := strings.CutPrefix(strings.TrimSpace(first), "ready ")
		if !ok {
			n.Stop()
			return nil, fmt.Errorf("%s did not start: %s", kind, words.String())
		}
		n.URL = url
		return n, nil
	}
}

// end asks the script to stop, and insists after 40 s, ten more than the script gives
// its node to write down what it has.
func end(p *os.Process, ended <-chan struct{}) {
	p.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-ended:
	case <-time.After(40 * time.Second):
		p.Kill() //nolint:errcheck // as above
		<-ended
	}
}

// FreePort is a loopback TCP port that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
