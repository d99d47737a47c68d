// Express with express-session as its README starts it: no Cache-Control, an ETag on everything, a cookie for everybody.
const crypto = require("crypto");
const express = require("express");
const session = require("express-session");

const app = express();
app.set("trust proxy", "loopback");
app.use("/static", express.static(process.argv[3], { maxAge: "1h" }));
app.use(session({ secret: crypto.randomBytes(16).toString("hex"), resave: false, saveUninitialized: true }));
app.use(express.urlencoded({ extended: false }));

app.post("/login", (request, response) => {
  request.session.user = request.body.user + "!";
  response.redirect("/");
});
app.get("/", (request, response) => response.send(`<p>Hello ${request.session.user || "visitor"}</p>`));
app.get("/same", (request, response) => response.send("<p>the same for all</p>"));
app.get("/news", (request, response) => {
  response.set("Cache-Control", "public, max-age=60").send("<p>the same for all, and the application says so</p>");
});
app.get("/basket", (request, response) => {
  response.set("Cache-Control", "private, no-cache").json({ owner: request.session.user || null, id: request.sessionID });
});

app.listen(Number(process.argv[2]), "127.0.0.1");
