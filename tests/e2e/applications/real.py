# SPDX-License-Identifier: BSD-2-Clause
"""How each real application is set up, started, and logged in to.

`mine` are pages that show who asks, `same` pages that are the same for all of whom nothing is known, and `once` patterns of what
must never be shown to two.
"""

import json
import pathlib
import re
import shutil

from rig import ports
from rig.program import Program, run

from .page import pages

HERE = pathlib.Path(__file__).resolve().parent
PHP = ["php", "-d", "opcache.enable_cli=1", "-d", "opcache.validate_timestamps=0"]


class Application:
    once, heavy = (), False

    def __init__(self, directory):
        self.directory, self.port, self._programs = directory, ports.free_port(), []
        self.address = f"127.0.0.1:{self.port}"
        directory.mkdir(parents=True)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def run(self, *words, port=None, **more):
        self._programs.append(Program(words, self.directory, port or self.port, **more))

    def stop(self):
        for program in reversed(self._programs):
            program.stop()

    def thoroughly(self):
        """The pages that are asked for in every way; the others in a few."""
        return self.mine[:1] + ([] if self.heavy else self.same[:1] + self.shared[:1])

    def shown(self, who):
        """What a page shows to nobody but `who`."""
        return f"Hello {who}"

    def login(self, browser, who):
        answer = browser.post("/login", {"user": who})
        assert answer.status in (302, 303), answer


class Php(Application):
    name, needs = "php", ["php"]
    mine = ["/nocache/", "/private/", "/private_no_expire/", "/silent/"]
    same = ["/plain/"]
    shared = ["/public/"]

    def start(self):
        self.run(*PHP, "-d", f"session.save_path={self.directory}", "-S", self.address, HERE / "php" / "index.php",
                 env={"PHP_CLI_SERVER_WORKERS": "4"})

    def login(self, browser, who):
        assert browser.post("/nocache/login", {"user": who}).status == 303


class Express(Application):
    name, needs = "express", ["node", "npm"]
    mine = ["/", "/basket"]
    same = ["/same"]                # and a cookie for everybody who hasn't one
    shared = ["/news", "/static/style.css"]

    def start(self):
        modules = HERE / "express" / "node_modules"
        if not modules.exists():
            run("npm", "ci", "--silent", "--no-audit", "--no-fund", directory=modules.parent)
        public = self.directory / "public"
        public.mkdir()
        (public / "style.css").write_text("p { color: teal }")
        self.run("node", HERE / "express" / "server.js", self.port, public)

    def shown(self, who):
        return f"{who}!"            # in a page, or in a basket as JSON; by chance a session's identifier may hold a name


class Django(Application):
    name, needs = "django", ["/usr/lib/python3/dist-packages/django"]
    mine = ["/", "/account", "/mine", "/login", "/visits"]
    same = ["/plain"]
    shared = ["/news"]
    once = [r'csrfmiddlewaretoken" value="(\w+)"', r'"session": "(\w+)"']

    def start(self):
        self.run("/usr/bin/python3", HERE / "django_site.py", self.port, self.directory / "site.sqlite")

    def login(self, browser, who):
        token = re.search(self.once[0], browser.get("/login").text).group(1)
        answer = browser.post("/login", {"username": who, "password": f"{who}-password-9", "csrfmiddlewaretoken": token})
        assert answer.status == 302, answer


class Mercurial(Application):
    """No sessions: what is shared must be whole, and a clone through the cache must be one."""
    name, needs = "mercurial", ["hg"]
    mine = []
    same = ["/", "/file/tip/note", "/rev/0"]
    shared = []

    def start(self):
        repository = self.directory / "repository"
        self.hg("init", repository)
        self.commit("first")
        self.run("hg", "serve", "--cwd", repository, "-a", "127.0.0.1", "-p", self.port)

    def hg(self, *words):
        return run("hg", *words, directory=self.directory, env={"HGUSER": "test", "HGPLAIN": "1", "HGRCPATH": "/dev/null"})

    def commit(self, text):
        (self.directory / "repository" / "note").write_text(text)
        self.hg("commit", "--cwd", self.directory / "repository", "-A", "-m", text)

    def login(self, browser, who):
        """Everybody is a stranger here."""


class MediaWiki(Application):
    name, needs = "mediawiki", ["php", "/usr/share/mediawiki/index.php"]
    heavy = True
    mine = ["/index.php/Main_Page", "/index.php?title=Special:UserLogin", "/api.php?action=query&meta=userinfo&format=json",
            "/index.php?title=Main_Page&action=edit"]
    same = ["/load.php?lang=en&modules=site.styles&only=styles&skin=monobook"]
    shared = ["/index.php/Help"]
    once = [r'name="wpLoginToken" type="hidden" value="([0-9a-f]{32,})']

    def start(self):
        program = pathlib.Path("/usr/share/mediawiki")
        run("php", program / "maintenance/install.php", "--dbtype", "sqlite", "--dbpath", self.directory / "data", "--dbname", "wiki",
            "--confpath", self.directory, "--server", "http://test.example", "--scriptpath", "", "--skins", "MonoBook",
            "--pass", "Admin-password-9", "Wiki", "Admin", directory=self.directory)
        settings = self.directory / "LocalSettings.php"
        (self.directory / "cdn").write_text("127.0.0.1")
        settings.write_text(settings.read_text() + """
$wgUseCdn = true;                       # it says how long pages may be shared, and sends PURGE for those that change
$wgCdnServers = explode(' ', file_get_contents(__DIR__ . '/cdn'));
$wgMainCacheType = CACHE_NONE;
$wgJobRunRate = 0;
""")
        self._env = {"MW_CONFIG_FILE": str(settings), "PHP_CLI_SERVER_WORKERS": "4"}
        for who in ("Alice", "Bob"):
            run("php", program / "maintenance/createAndPromote.php", who, f"{who}-password-9", directory=self.directory, env=self._env)
        router = self.directory / "router.php"      # the web server's part: files as they are, all else to the script in its path
        router.write_text("""<?php
$script = '/' . explode('/', $_SERVER['REQUEST_URI'] === '/' ? '/index.php' : strtok($_SERVER['REQUEST_URI'], '?'))[1];
if (substr($script, -4) !== '.php') return false;
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $script;
$_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . $script;
chdir($_SERVER['DOCUMENT_ROOT']);
require $_SERVER['DOCUMENT_ROOT'] . $script;
""")
        self.run(*PHP, "-S", self.address, "-t", program, router, env=self._env)

    def purges_to(self, node):
        """Where it sends PURGE."""
        (self.directory / "cdn").write_text("%s:%d" % node.address)

    def shown(self, who):
        return f'"wgUserName":"{who.capitalize()}"'

    def login(self, browser, who):
        form = "/index.php?title=Special:UserLogin"
        token = re.search(r'value="([0-9a-f]{32,}\+\\)" name="wpLoginToken"|name="wpLoginToken" type="hidden" value="([^"]+)"',
                          browser.get(form).text)
        token = next(filter(None, token.groups()))
        name = who.capitalize()
        answer = browser.post(form, {"wpName": name, "wpPassword": f"{name}-password-9", "wpLoginToken": token, "authAction": "login"})
        assert answer.status == 302, (answer, answer.text[:3000])

    def edit(self, browser, text):
        """Writes a page, as whoever is logged in. Gives its target."""
        token = browser.get("/api.php?action=query&meta=tokens&format=json").json()["query"]["tokens"]["csrftoken"]
        answer = browser.post("/api.php", {"action": "edit", "title": "Edited", "text": text, "token": token, "format": "json"})
        assert answer.json()["edit"]["result"] == "Success", answer.text
        return "/index.php/Edited"


class WordPress(Application):
    name, needs = "wordpress", ["php", "/usr/sbin/mariadbd", "/usr/share/wordpress/index.php", "/var/lib/wordpress/wp-content/themes/twentytwentythree"]
    heavy, _post = True, None
    mine = ["/", "/news/", "/wp-login.php", "/wp-admin/profile.php"]
    same = ["/feed/"]
    shared = ["/wp-includes/css/dist/block-library/style.min.css", "/closed/"]

    def start(self):
        data, sock = self.directory / "database", self.directory / "sql"
        run("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--auth-root-authentication-method=normal",
            "--skip-test-db", directory=self.directory)
        self._programs.append(Program(["/usr/sbin/mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}",
                                       "--skip-networking", "--skip-grant-tables"], self.directory / "mariadb", socket_path=str(sock)))
        run("mariadb", "--no-defaults", f"--socket={sock}", "-e", "create database wordpress", directory=self.directory)
        site = self.directory / "site"
        site.mkdir()
        for entry in pathlib.Path("/usr/share/wordpress").iterdir():
            if entry.name != "wp-config.php":
                (site / entry.name).symlink_to(entry)
        (site / "wp-config.php").write_text(f"""<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:{sock}');
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '127.0.0.1'); define('WPMU_PLUGIN_DIR', '{self.directory}/mu-plugins');
$table_prefix = 'wp_';
require ABSPATH . 'wp-settings.php';
""")
        self.plugins = self.directory / "mu-plugins"
        self.plugins.mkdir()
        here = self.directory / "here.php"
        here.write_text(f"<?php define('ABSPATH', '{site}/');")
        shutil.copy(HERE / "wordpress_install.php", site / "install.php")
        php = [*PHP, "-d", f"auto_prepend_file={here}", "-d", "sendmail_path=/bin/true"]
        run(*php, site / "install.php", directory=site)
        self.run(*php, "-S", self.address, "-t", site, env={"PHP_CLI_SERVER_WORKERS": "4"})

    def shown(self, who):
        return f"{who}-displayed"

    def login(self, browser, who):
        browser.get("/wp-login.php")
        answer = browser.post("/wp-login.php", {"log": who, "pwd": f"{who}-password-9", "wp-submit": "Log In", "testcookie": "1"})
        assert answer.status == 302 and any(name.startswith("wordpress_logged_in") for name in browser.jar), answer


    def purges_to(self, node):
        """Where it sends PURGE: by the code of weir-apps(7)."""
        code = pages()["wordpress-purge"]
        assert "127.0.0.1:80'" in code
        (self.plugins / "weir.php").write_text(code.replace("127.0.0.1:80'", "%s:%d'" % node.address))

    def edit(self, browser, text):
        """Writes a page, as whoever is logged in. Gives its target."""
        nonce = browser.get("/wp-admin/admin-ajax.php?action=rest-nonce").text
        if self._post is None:
            answer = self._rest(browser, "", nonce, {"title": "Edited", "slug": "edited", "status": "publish", "content": text})
            self._post = answer.json()["id"]
        else:
            self._rest(browser, f"/{self._post}", nonce, {"content": text})
        return "/edited/"

    def _rest(self, browser, path, nonce, content):
        answer = browser.get(f"/wp-json/wp/v2/posts{path}", "POST", {"Content-Type": "application/json", "X-WP-Nonce": nonce},
                             body=json.dumps(content).encode())
        assert answer.status in (200, 201), answer
        return answer


ALL = [Php, Express, Django, Mercurial, MediaWiki, WordPress]


def missing(kind):
    """What of an application's programs isn't installed."""
    return [need for need in kind.needs if not (shutil.which(need) or pathlib.Path(need).exists())]
