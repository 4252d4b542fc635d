// An identity provider for test_saml.py: npm samlp behind express, as other people run it.
//
//   node idp.js KEY.pem CERTIFICATE.pem
//
// Says its address on standard output. Who logs in is in the header `x-user`: the tests have no faces. The requests that it
// answers must be signed by the key whose certificate was put to /service-provider.

const fs = require("fs");
const express = require("express");
const samlp = require("samlp");

const [key, cert] = process.argv.slice(2, 4).map((name) => fs.readFileSync(name, "utf8"));
const issuer = "urn:baleen-test:idp";
let serviceProvider = null;

// The attributes are there to be signed along, with what canonical XML has to get right.
const profile = (user) => ({
  getClaims: () => ({ "urn:example:groups": ["a & b", "<c>", "grün"] }),
  getNameIdentifier: () => ({
    nameIdentifier: user.name,
    nameIdentifierFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
  }),
});

const app = express();
app.use(express.text());
app.put("/service-provider", (req, res) => {
  serviceProvider = req.body;
  res.sendStatus(204);
});
app.get("/metadata", samlp.metadata({ issuer, cert, redirectEndpointPath: "/sso", postEndpointPath: "/sso" }));
app.get("/sso", (req, res, next) => {
  if (!serviceProvider) return res.status(400).send("there is no service provider");
  samlp.parseRequest(req, { signingCert: serviceProvider, deflate: true, relayState: req.query.RelayState }, (error, request) => {
    if (error) return res.status(400).send(String(error));
    const acs = request.assertionConsumerServiceURL;
    const answer = samlp.auth({
      issuer,
      key,
      cert,
      signingCert: serviceProvider,
      destination: acs,
      recipient: acs,
      getPostURL: (audience, dom, _, done) => done(null, acs),
      getUserFromRequest: () => ({ name: req.get("x-user") }),
      profileMapper: profile,
      lifetimeInSeconds: 300,
      sessionIndex: "_session",
      signResponse: req.get("x-sign") === "response-too",
      signatureAlgorithm: req.get("x-algorithm") || "rsa-sha256",
      digestAlgorithm: req.get("x-digest") || "sha256",
    });
    answer(req, res, next);
  });
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
