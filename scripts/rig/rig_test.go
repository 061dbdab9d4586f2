package rig

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, n *Node, method string) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":[]}`
	req, err := http.NewRequest("POST", n.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(n.User, n.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestNodes(t *testing.T) {
	for _, c := range []struct {
		start        func(testing.TB, ...string) *Node
		method, want string
	}{
		{Btcd, "getblockcount", `"result":101`},
		{Anvil, "eth_chainId", `"result":"0x7a69"`},
		{Solana, "getGenesisHash", `"result":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi"`},
	} {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			n := c.start(t)
			if got := call(t, n, c.method); !strings.Contains(got, c.want) {
				t.Errorf("%s: %s", c.method, got)
			}
			n.Stop()
			n.Stop()
			u, err := url.Parse(n.URL)
			if err != nil {
				t.Fatal(err)
			}
			if conn, err := net.Dial("tcp", u.Host); err == nil {
				conn.Close()
				t.Errorf("%s still listens after Stop", u.Host)
			}
		})
	}
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	_, err := Start(t.Context(), KindBtcd, "MINING_ADDR=nonsense")
	if err == nil || !strings.Contains(err.Error(), "btcd did not start") {
		t.Errorf("got %v", err)
	}
}

// A node ends with the process that started it, even when that is killed.
func TestNodesEndWithTheirParent(t *testing.T) {
	const marker = "COLDSIGN_RIG_PARENT"
	if os.Getenv(marker) != "" { // the parent: start a node, tell, wait to be killed
		fmt.Println(Btcd(t).URL)
		select {}
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestNodesEndWithTheirParent$")
	parent.Env = append(os.Environ(), marker+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(strings.TrimSpace(line), "http://")
	listens := func() bool {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	if !listens() {
		t.Fatalf("nothing listens on %q", host)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait() //nolint:errcheck // it was killed
	for end := time.Now().Add(time.Minute); listens(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the node outlives its parent")
		}
	}
}
