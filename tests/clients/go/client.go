// Lists a server's SAEs, explains a user's recommendations, and shows what an error carries.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cs "recsae/concept_store/v1"
	ex "recsae/explainer/v1"
)

func main() {
	address, sae, capture, user := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	store, explainer := cs.NewConceptStoreClient(channel), ex.NewExplainerClient(channel)
	ctx := context.Background()

	saes, err := store.ListSaes(ctx, &cs.ListSaesRequest{})
	check(err)
	for _, listed := range saes.GetSaes() {
		fmt.Printf("%s: %d latents\n", listed.GetName(), listed.GetLatentCount())
	}

	subject := &ex.Subject{Subject: &ex.Subject_CapturedUser_{
		CapturedUser: &ex.Subject_CapturedUser{Capture: capture, UserId: user}}}
	response, err := explainer.Explain(ctx, &ex.ExplainRequest{Sae: sae, Subject: subject})
	check(err)
	for _, latent := range response.GetExplanations()[0].GetLatents() {
		fmt.Printf("%d %.4f %s\n", latent.GetLatent(), latent.GetActivation(), latent.GetDescription())
	}

	_, err = store.GetSae(ctx, &cs.GetSaeRequest{Name: "saes/none"})
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Print(info.GetReason())
			for key, value := range info.GetMetadata() {
				fmt.Printf(" %s=%s", key, value)
			}
			fmt.Println()
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
