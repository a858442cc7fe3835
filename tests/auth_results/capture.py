#!/usr/bin/python3
"""Captures Authentication-Results fields that Debian's opendkim writes, as golden data.

Runs opendkim as a verifying milter on a Unix socket with keys from a file, sends it crafted
messages, and prints one JSON object a line: what was sent, and the value inserted."""
import base64, hashlib, json, os, random, socket, struct, subprocess, sys, tempfile, time
import dkim

class Milter:
    def __init__(self, path, j):
        self.s = socket.socket(socket.AF_UNIX); self.s.connect(path)
        self.send(b'O', struct.pack('!III', 6, 0x1ff, 0)); self.recv()
        self.send(b'D', b'C' + b'j\0' + j.encode() + b'\0')
        self.cmd(b'C', b'client.example.net\0' + b'4' + struct.pack('!H', 4321) + b'192.0.2.77\0')
    def send(self, c, d=b''):
        self.s.sendall(struct.pack('!I', len(d) + 1) + c + d)
    def recv(self):
        n = struct.unpack('!I', self.exact(4))[0]; d = self.exact(n)
        return d[:1], d[1:]
    def exact(self, n):
        b = b''
        while len(b) < n:
            x = self.s.recv(n - len(b))
            if not x: raise EOFError
            b += x
        return b
    def cmd(self, c, d=b''):
        self.send(c, d); return self.recv()
    def message(self, job, fields, body):
        self.send(b'D', b'M' + b'i\0' + job.encode() + b'\0')
        self.cmd(b'M', b'<a@example.com>\0')
        self.cmd(b'R', b'<b@example.net>\0')
        for n, v in fields:
            self.cmd(b'L', n.encode() + b'\0' + v.encode() + b'\0')
        if self.cmd(b'N')[0] != b'c': return []
        self.cmd(b'B', body.encode())
        self.send(b'E', b'')
        out = []
        while True:
            c, d = self.recv()
            if c in b'carty d'.replace(b' ', b'') + b'r': 
                break
            if c in (b'i', b'h'):
                d = d[4:] if c == b'i' else d
                n, v = d.split(b'\0')[:2]
                out.append((n.decode(), v.decode()))
        self.s.close()
        return out

def daemon(dir, conf):
    path = os.path.join(dir, 'sock')
    with open(os.path.join(dir, 'conf'), 'w') as f:
        f.write(f'Socket local:{path}\nMode v\nSyslog no\nTestPublicKeys {dir}/keys\nBackground no\n' + conf)
    if os.path.exists(path): os.unlink(path)
    p = subprocess.Popen(['opendkim', '-f', '-x', os.path.join(dir, 'conf')])
    for _ in range(100):
        if os.path.exists(path): break
        time.sleep(0.05)
    return p, path

def b64(seed, n=40):
    return base64.b64encode(hashlib.shake_128(seed.encode()).digest(n))[:n - n % 4].decode()

def sig(d, s, i=None, b=None, a='rsa-sha256'):
    v = f' v=1; a={a}; c=relaxed/relaxed; d={d}; s={s}; ' + (f'i={i}; ' if i else '') + f'h=from:subject; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b={b}'
    return ('DKIM-Signature', v)

BASE = [('From', ' a@example.com'), ('To', ' b@example.net'), ('Subject', ' x'), ('Date', ' Mon, 23 Nov 2026 18:00:00 +0000')]

def main():
    r = random.Random(6376)
    with tempfile.TemporaryDirectory() as dir:
        for k, bits in (('r2048', 2048), ('r768', 768)):
            subprocess.run(['openssl', 'genrsa', '-out', f'{dir}/{k}.pem', str(bits)], check=True, stderr=subprocess.DEVNULL)
        def pub(k):
            return subprocess.run(f'openssl rsa -in {dir}/{k}.pem -pubout -outform DER 2>/dev/null | base64 -w0', shell=True, capture_output=True, text=True).stdout
        with open(f'{dir}/keys', 'w') as f:
            f.write(f'r2048._domainkey.example.com v=DKIM1; p={pub("r2048")}\n')
            f.write(f'r768._domainkey.example.com v=DKIM1; p={pub("r768")}\n')
            f.write(f'rev._domainkey.example.com v=DKIM1; p=\n')
        os.chmod(f'{dir}/keys', 0o644)
        def emit(kind, conf, j, job, fields, body, **facts):
            got = Milter(path, j).message(job, BASE + fields, body)
            ar = [v for n, v in got if n == 'Authentication-Results']
            print(json.dumps(dict(kind=kind, conf=conf, j=j, job=job, ar=ar, **facts)))
        for conf in ('AlwaysAddARHeader yes\n', 'AlwaysAddARHeader yes\nAuthservIDWithJobID yes\n', 'NoHeaderB yes\n', ''):
            p, path = daemon(dir, conf)
            try:
                if 'Always' in conf:
                    for n in range(1, 60):
                        emit('none', conf, 'm' * n, 'JOB' + 'x' * (n % 7), [], 'hi\r\n')
                    continue
                for n in range(60):
                    sigs = []
                    stem = b64(f's{n}')
                    for k in range(r.choice([1, 1, 2, 2, 3])):
                        d = '.'.join('d' * r.randint(1, 30) for _ in range(r.randint(1, 3))) + '.example'
                        s = 's' * r.randint(1, 40)
                        i = r.choice([None, '@' + d, 'u' * r.randint(1, 30) + '@' + d, 'user@sub.' + d])
                        keep = r.choice([0, 0, 4, 7, 8, 9, 12, 20])
                        b = (stem[:keep] + b64(f'{n}.{k}'))[:40]
                        sigs.append(dict(d=d, s=s, i=i, a='rsa-sha256', b=b))
                    emit('nokey', conf, 'mail.example.com', 'JOB1', [sig(**x) for x in sigs], 'hi\r\n', sigs=sigs)
                def real(k, body='hi\r\n', ident=None):
                    msg = ''.join(f'{n}:{v}\r\n' for n, v in BASE) + '\r\n' + body
                    pem = open(f'{dir}/{k}.pem', 'rb').read()
                    h = dkim.sign(msg.encode(), k.encode(), b'example.com', pem, canonicalize=(b'relaxed', b'relaxed'), identity=ident).decode()
                    n, v = h.split(':', 1)
                    return (n, v.rstrip('\r\n').replace('\r\n', '\n'))
                def tags(f):
                    t = dict((a.strip(), ''.join(b.split())) for a, b in (x.split('=', 1) for x in f[1].split(';') if '=' in x))
                    return dict(d=t['d'], s=t['s'], i=t.get('i'), a=t['a'], b=t['b'])
                good, small, rev = real('r2048'), real('r768'), None
                rev = ('DKIM-Signature', real('r2048')[1].replace('s=r2048', 's=rev'))
                for name, fields, body in (('pass', [good], 'hi\r\n'), ('fail', [good], 'ho\r\n'), ('small', [small], 'hi\r\n'),
                                           ('revoked', [rev], 'hi\r\n'), ('two', [small, good], 'hi\r\n'), ('twice', [good, good], 'hi\r\n')):
                    emit(name, conf, 'mail.example.com', 'JOB1', fields, body, sigs=[tags(f) for f in fields])
            finally:
                p.terminate(); p.wait()

main()
